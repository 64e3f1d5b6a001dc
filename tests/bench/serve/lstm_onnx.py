# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Converts the LSTM of a bundle (model_files.py) with its weights to ONNX."""

import json
import struct

import numpy as np
import onnx


def read_bundle(folder):
    """Returns the units of the only LSTM and its weights by name."""
    layers = json.loads((folder / "model.json").read_text())["model"]["config"]["layers"]
    data = (folder / "weights.safetensors").read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    weights = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + size + begin:8 + size + end], "<f4")
        weights[name.partition("/")[2]] = values.reshape(entry["shape"])
    return layers[1]["config"]["units"], weights


def to_onnx(units, weights):
    """Returns a model of one LSTM node. The gate order is i f c o in Keras and i o f c in ONNX."""
    def gates(matrix):
        i, f, c, o = np.split(matrix, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    bias = np.concatenate([gates(weights["bias"]), np.zeros(4 * units, np.float32)])
    tensors = {"W": gates(weights["kernel"]).T[None], "R": gates(weights["recurrent_kernel"]).T[None],
               "B": bias[None]}
    node = onnx.helper.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], ["y", "h_n", "c_n"],
                                 hidden_size=units)
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node], "lstm",
        [value("x", kind, ["time", "batch", units]), value("h", kind, [1, "batch", units]),
         value("c", kind, [1, "batch", units])],
        [value("y", kind, None), value("h_n", kind, None), value("c_n", kind, None)],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
         for name, array in tensors.items()])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)],
                                  ir_version=9).SerializeToString()
