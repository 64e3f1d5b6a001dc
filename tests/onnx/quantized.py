# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantized graphs as ONNX Runtime's tools write them, as step programs beside ONNX Runtime.

Sums of products of integers are the same to the last bit, however many there are.
"""

import agreement
import models
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from runner import Task

_RANDOM_SEED = 3


def _cases(random):
    """Yields (name, nodes, weights, shape of the input "x", whether it is exact)."""
    integers = {
        "W": random.integers(0, 256, (1000, 7)).astype(np.uint8), "wz": np.uint8(3),
        "ws": np.float32(0.01),
    }  # fmt: skip
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "W", "z", "wz"], ["i"]),
        helper.make_node("Cast", ["i"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "ws"], ["k"]),
        helper.make_node("Mul", ["c", "k"], ["y"]),
    ]
    yield "dynamic, 1000 products in a sum", nodes, integers, (1, 1000), True
    integers = {
        "W": random.integers(-128, 128, (5, 64, 3, 3)).astype(np.int8), "wz": np.zeros(5, np.int8),
        "xs": np.float32(0.02), "xz": np.uint8(100), "ys": np.float32(0.3), "yz": np.uint8(128),
        "ws": (0.001 + 0.01 * random.random(5)).astype(np.float32),
        "B": random.integers(-1000, 1000, 5).astype(np.int32),
    }  # fmt: skip
    operands = ["q", "xs", "xz", "W", "ws", "wz", "ys", "yz", "B"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["q"]),
        helper.make_node("QLinearConv", operands, ["o"], pads=[1, 1, 1, 1]),
        helper.make_node("DequantizeLinear", ["o", "ys", "yz"], ["y"]),
    ]
    yield "static, 576 products in a window", nodes, integers, (1, 64, 6, 6), True
    integers = {
        "W": random.integers(-128, 128, (64, 8)).astype(np.int8),
        "ws": (0.001 + 0.01 * random.random(8)).astype(np.float32),
        "wz": random.integers(-5, 5, 8).astype(np.int8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["W", "ws", "wz"], ["d"], axis=1),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    yield "weights alone, a scale for each column", nodes, integers, (1, 64), False


def run(runner):
    """Yields (name, what is wrong) for each graph."""
    random = np.random.default_rng(_RANDOM_SEED)
    for name, nodes, weights, shape, is_exact in _cases(random):
        graph = helper.make_graph(
            nodes, "quantized", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, key) for key, value in weights.items()],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        steps = [random.normal(size=shape).astype(np.float32) for _ in range(20)]
        steps.append(np.zeros(shape, np.float32))
        expected = [session.run(None, {"x": step})[0] for step in steps]
        text = ""
        for outputs in runner.run(Task(model, [[step] for step in steps])):
            for ours, theirs in zip(outputs, expected, strict=True):
                tolerance = (0.0, 0.0) if is_exact else models.tolerance(theirs)
                with np.errstate(divide="ignore", invalid="ignore"):
                    text = text or agreement.difference(ours[0], theirs, *tolerance)
        yield name, text
