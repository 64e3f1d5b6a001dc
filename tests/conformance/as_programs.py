# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes the SimpleRNN, LSTM and GRU cells of a bundle as step programs.

With `--as-programs` the models of a run are served in this form, so that Keras' own cells are the
reference for programs in every layer that runs a cell, with all options of these layers.
"""

import json
import struct

# Layers whose configuration holds the options of their cell.
CELL_OF_LAYER = {"SimpleRNN": "SimpleRNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}
LAYER_OPTIONS = (
    "dtype",
    "go_backwards",
    "return_sequences",
    "return_state",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)
MODELS = ("Functional", "Sequential")


def rewrite(bundle):
    """Rewrites the cells of a bundle. Returns how many there were."""
    shapes = _weight_shapes(bundle / "weights.safetensors")
    file = bundle / "model.json"
    document = json.loads(file.read_text())
    count = _rewrite_layers(document["model"]["config"]["layers"], "", shapes)
    if count:
        file.write_text(json.dumps(document))
    return count


def _weight_shapes(file):
    with file.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(size))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def _rewrite_layers(layers, scope, shapes):
    count = 0
    for layer in layers:
        path = f"{scope}{layer['config'].get('name')}/"
        if layer["class_name"] in MODELS:
            count += _rewrite_layers(layer["config"]["layers"], path, shapes)
        else:
            count += _rewrite_layer(layer, path, shapes)
    return count


def _rewrite_layer(layer, path, shapes):
    kind, config = layer["class_name"], layer["config"]
    if kind in CELL_OF_LAYER:
        cell = _program_cell(CELL_OF_LAYER[kind], config, path, shapes)
        if cell is None:
            return 0
        options = {key: config[key] for key in LAYER_OPTIONS if key in config}
        layer["class_name"] = "RNN"
        layer["registered_name"] = None
        layer["config"] = {"name": config["name"], "cell": cell, **options}
        return 1
    if kind == "RNN":
        return _rewrite_cell(config, "cell", path, shapes)
    if kind == "Bidirectional":
        # Without a backward layer, the forward one stands for both.
        count = _rewrite_layer(config["layer"], f"{path}forward/", shapes)
        if config.get("backward_layer"):
            count += _rewrite_layer(config["backward_layer"], f"{path}backward/", shapes)
        return count
    return 0


def _rewrite_cell(parent, key, path, shapes):
    cell = parent[key]
    if cell["class_name"] == "StackedRNNCells":
        cells = cell["config"]["cells"]
        return sum(
            _rewrite_cell(cells, i, f"{path}cells/{i}/", shapes) for i in range(len(cells))
        )
    program = _program_cell(cell["class_name"], cell["config"], path, shapes)
    if program is None:
        return 0
    parent[key] = program
    return 1


def _program_cell(kind, config, path, shapes):
    """Returns the cell as a program, or None for another cell, or one that this file cannot
    write."""
    if kind not in CELL_OF_LAYER.values() or config.get("dropout"):
        return None
    if config.get("recurrent_dropout"):
        return None
    program = _Program(config, path, shapes)
    try:
        text = {"SimpleRNNCell": _simple, "LSTMCell": _lstm, "GRUCell": _gru}[kind](program)
    except KeyError:  # An activation that no operation computes.
        return None
    cell = {"name": config["name"], "program": text, "training": "same"}
    if "dtype" in config:
        cell["dtype"] = config["dtype"]
    return {
        "class_name": "ProgramCell",
        "registered_name": "rnnserve>ProgramCell",
        "config": cell,
    }


class _Program:
    """A program in the making. Functions that add an operation return the name of its result."""

    def __init__(self, config, path, shapes):
        self.config = config
        self.units = config["units"]
        self.weights = {
            name.removeprefix(path): shape
            for name, shape in shapes.items()
            if name.startswith(path) and "/" not in name.removeprefix(path)
        }
        self.features = self.weights["kernel"][0]
        self._operations = []

    def add(self, op, *operands, **attributes):
        out = f"t{len(self._operations)}"
        self._operations.append({"op": op, "in": list(operands), "out": out, **attributes})
        return out

    def dot(self, x, weights):
        return self.add("dot", x, weights, equation="a,ac->c")

    def gate(self, value, number):
        begin = number * self.units
        return self.add("slice", value, slices=[[begin, begin + self.units]])

    def columns(self, weight, first, count):
        """Returns the columns of some gates of a matrix."""
        rows = self.weights[weight][0]
        begin = first * self.units
        return self.add("slice", weight, slices=[[0, rows], [begin, begin + count * self.units]])

    def row(self, weight, number):
        """Returns a row of a matrix."""
        size = self.weights[weight][1]
        row = self.add("slice", weight, slices=[[number, number + 1], [0, size]])
        return self.add("reshape", row, shape=[size])

    def activate(self, key, x):
        name = self.config.get(key)
        if name in (None, "linear"):
            return x
        if name == "hard_sigmoid":
            scaled = self.add("add", self.add("div", x, 6.0), 0.5)
            return self.add("min", self.add("max", scaled, 0.0), 1.0)
        if name == "softsign":
            return self.add("div", x, self.add("add", self.add("abs", x), 1.0))
        return self.add({"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh"}[name], x)

    def finish(self, **next_states):
        """Returns the text. The first state is the output."""
        states = [
            {"name": name, "shape": [self.units], "next": value}
            for name, value in next_states.items()
        ]
        return {
            "program_version": 1,
            "inputs": [{"name": "x", "shape": [self.features]}],
            "states": states,
            "weights": self.weights,
            "operations": self._operations,
            "outputs": [{"name": "y", "value": states[0]["next"]}],
        }


def _simple(p):
    z = p.add("add", p.dot("x", "kernel"), p.dot("h", "recurrent_kernel"))
    if "bias" in p.weights:
        z = p.add("add", z, "bias")
    return p.finish(h=p.activate("activation", z))


def _lstm(p):
    z = p.add("add", p.dot("x", "kernel"), p.dot("h", "recurrent_kernel"))
    if "bias" in p.weights:
        z = p.add("add", z, "bias")
    i = p.activate("recurrent_activation", p.gate(z, 0))
    f = p.activate("recurrent_activation", p.gate(z, 1))
    g = p.activate("activation", p.gate(z, 2))
    o = p.activate("recurrent_activation", p.gate(z, 3))
    c = p.add("add", p.add("mul", f, "c"), p.add("mul", i, g))
    return p.finish(h=p.add("mul", o, p.activate("activation", c)), c=c)


def _gru(p):
    resets_after = p.config.get("reset_after", True)
    has_bias = "bias" in p.weights
    of_x = p.dot("x", "kernel")
    if has_bias:
        of_x = p.add("add", of_x, p.row("bias", 0) if resets_after else "bias")
    if resets_after:
        of_h = p.dot("h", "recurrent_kernel")
        of_h = p.add("add", of_h, p.row("bias", 1)) if has_bias else of_h
    else:
        of_h = p.dot("h", p.columns("recurrent_kernel", 0, 2))
    z, r = (
        p.activate("recurrent_activation", p.add("add", p.gate(of_x, i), p.gate(of_h, i)))
        for i in (0, 1)
    )
    if resets_after:
        candidate = p.add("mul", r, p.gate(of_h, 2))
    else:
        candidate = p.dot(p.add("mul", r, "h"), p.columns("recurrent_kernel", 2, 1))
    candidate = p.activate("activation", p.add("add", p.gate(of_x, 2), candidate))
    kept = p.add("mul", z, "h")
    return p.finish(h=p.add("add", kept, p.add("mul", p.add("sub", 1.0, z), candidate)))
