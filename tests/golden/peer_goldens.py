# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens with the numbers of PyTorch and ONNX Runtime, computed by peers/compute.py."""

import json
import pathlib

import numpy as np
from golden_case import Call, Golden
from reference import keras

layers = keras.layers

FOLDER = pathlib.Path(__file__).resolve().parent / "peers"


def array(tensor):
    return np.array(tensor["data"], np.float32).reshape(tensor["shape"])


def layer_of(case, name):
    # Both peers return zeros for the timesteps after the end of a row.
    options = {"return_sequences": True, "zero_output_for_mask": True, "name": name}
    if case["kind"] == "GRU":
        options["reset_after"] = case.get("reset_after", True)
    if case["kind"] == "SimpleRNN":
        options["activation"] = case.get("activation", "tanh")
    layer = getattr(layers, case["kind"])(3, **options)
    return layers.Bidirectional(layer, name=name) if case["bidirectional"] else layer


def golden(path):
    case = json.loads(path.read_text())
    names = [f"rnn_{i}" for i in range(len(case["layers"]))]
    inputs = array(case["inputs"])
    mask = None
    if case["lengths"]:
        mask = np.arange(inputs.shape[1])[None] < np.array(case["lengths"])[:, None]
    states = False
    if case["initial_state"]:
        flat = [[array(state) for state in layer] for layer in case["initial_state"]]
        states = dict(zip(names, flat, strict=True))
    final = {
        name: [array(state) for state in layer]
        for name, layer in zip(names, case["states"], strict=True)
    }
    call = Call(inputs, "", case["peer"], mask, states, array(case["outputs"]), final)
    weights = [array(w) for layer in case["layers"] for half in layer for w in half]
    return Golden(
        f"peer_{path.stem}",
        f"the numbers of {case['peer']}",
        [layer_of(case, name) for name in names],
        [call],
        (None, inputs.shape[2]),
        weights=weights,
    )


def goldens():
    for path in sorted(FOLDER.glob("*.json")):
        yield golden(path)
