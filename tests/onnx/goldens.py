# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small node tests of ONNX, recorded, so that they run without its package.

goldens.json is a list of

    {"name": ..., "model": the file in base64, "inputs": [[numbers]...], "outputs": [[numbers]...],
     "shapes": [[extents]...]}

At the end are nodes that are refused (refusals.py), which have, instead of outputs and shapes,

    "error": [how the error begins, what else it says]
"""

import base64
import json
import pathlib

import refusals

FILE = pathlib.Path(__file__).resolve().parent / "goldens.json"
PER_OPERATOR = 2
BYTES_MAX = 1500  # of one record


def export(runner, results):
    """Writes the smallest tests of each operator that passed. Returns how many."""
    by_operator = {}
    for result in results:
        record = result.record
        if result.status == "passed" and record and len(json.dumps(record)) <= BYTES_MAX:
            by_operator.setdefault(result.operator, []).append(record)
    chosen = []
    for _, records in sorted(by_operator.items()):
        records.sort(key=lambda record: (len(json.dumps(record)), record["name"]))
        # The largest of the small ones have the most options.
        chosen += records[-PER_OPERATOR:]
    chosen += refusals.records()
    lines = ",\n".join(json.dumps(record) for record in chosen)
    FILE.write_text(f"[\n{lines}\n]\n")
    return len(chosen)


def make_record(name, model, inputs, expected):
    """Returns the record of a test, or None if it has numbers that JSON cannot hold."""
    values = [[float(n) for n in array.ravel()] for array in (*inputs, *expected)]
    if not all(abs(n) < 1e30 for array in values for n in array):
        return None
    return {
        "name": name,
        "model": base64.b64encode(model.SerializeToString()).decode(),
        "inputs": [[float(f"{n:.9g}") for n in array] for array in values[: len(inputs)]],
        "outputs": [[float(f"{n:.9g}") for n in array] for array in values[len(inputs) :]],
        "shapes": [list(array.shape) for array in expected],
    }
