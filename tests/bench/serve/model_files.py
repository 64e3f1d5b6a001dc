# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes bundles (core/model/FORMAT.md) with random weights; standard library only."""

import array
import json
import math
import pathlib
import random
import struct


def write_lstm(folder, units, features=None, seed=1):
    """Writes a bundle of one LSTM that returns sequences, and returns its folder. The input has
    `features` features, by default as many as the LSTM has units."""
    path = pathlib.Path(folder) / f"lstm-{units}"
    features = features or units
    path.mkdir(parents=True, exist_ok=True)
    config = {
        "format_version": 1,
        "generator": "tests/bench/serve",
        "model": {"class_name": "Sequential", "config": {"name": path.name, "layers": [
            {"class_name": "InputLayer",
             "config": {"name": "x", "batch_shape": [None, None, features]}},
            {"class_name": "LSTM",
             "config": {"name": "lstm", "units": units, "return_sequences": True}}]}},
    }
    (path / "model.json").write_text(json.dumps(config))
    # Weights are small enough that no gate saturates.
    generator = random.Random(seed)
    limit = 1 / math.sqrt(units)
    shapes = {"lstm/kernel": [features, 4 * units], "lstm/recurrent_kernel": [units, 4 * units],
              "lstm/bias": [4 * units]}
    header, data = {}, bytearray()
    for name, shape in shapes.items():
        values = array.array("f", (generator.uniform(-limit, limit)
                                   for _ in range(math.prod(shape))))
        begin = len(data)
        data += values.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    (path / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path
