# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Nodes that are wrong or not served, and what the refusal must say."""

import base64

import numpy as np
from onnx import TensorProto, helper, numpy_helper

WRONG = "INVALID_ARGUMENT: "
NOT_SERVED = "UNIMPLEMENTED: OPERATOR_UNSUPPORTED: "

_X = ("x", TensorProto.FLOAT)
_I = ("i", TensorProto.INT64)


def _node(op, operands, outputs=1, **attributes):
    names = [f"y{i}" for i in range(outputs)]
    return helper.make_node(op, operands, names, "the_node", **attributes)


# (name, node, {input: shape}, {constant: value}, beginning of the error, what else it says)
_CASES = (
    ("unknown operator", _node("Foo", ["x"]), {"x": [2]}, {}, NOT_SERVED, "'Foo'"),
    ("unknown attribute", _node("Relu", ["x"], gain=2.0), {"x": [2]}, {}, NOT_SERVED, "'gain'"),
    ("operand too many", _node("Relu", ["x", "x"]), {"x": [2]}, {}, NOT_SERVED, "operand 1"),
    ("operand missing", _node("Add", ["x"]), {"x": [2]}, {}, WRONG, "operand 1 is missing"),
    ("computed shape", _node("Reshape", ["x", "i"]), {"x": [2], "i": [1]}, {}, WRONG,
     "operand 1 ('i') must not depend on the inputs and states"),
    ("shape that does not fit", _node("Reshape", ["x", "c"]), {"x": [6]},
     {"c": np.array([4, -1])}, WRONG, "cannot become [4, -1]"),
    ("axis out of range", _node("Concat", ["x", "x"], axis=2), {"x": [2, 3]}, {}, WRONG,
     "axis 2 is out of range for a tensor of rank 2"),
    ("squeezed axis", _node("Squeeze", ["x", "c"]), {"x": [1, 3]}, {"c": np.array([1])}, WRONG,
     "axis 1 of a tensor of shape [1, 3] is not 1"),
    ("step of 0", _node("Slice", ["x", "c", "c", "c", "c"]), {"x": [3]}, {"c": np.array([0])},
     WRONG, "a step is 0"),
    ("parts of Split", _node("Split", ["x", "c"], 2), {"x": [4]}, {"c": np.array([1, 2])}, WRONG,
     "the parts have 3 elements together, and the axis has 4"),
    ("index out of range", _node("Gather", ["x", "c"]), {"x": [3]}, {"c": np.array([3])}, WRONG,
     "index 3 is out of range for an axis of 3"),
    ("mode of Pad", _node("Pad", ["x", "c"], mode="mirror"), {"x": [3]}, {"c": np.array([1, 1])},
     WRONG, "mode is 'mirror'"),
    ("cast to 8 bits", _node("Cast", ["x"], to=TensorProto.UINT8), {"x": [2]}, {}, NOT_SERVED,
     "element type number 2"),
    ("training", _node("Dropout", ["x", "", "c"]), {"x": [2]}, {"c": np.array(True)}, NOT_SERVED,
     "training_mode is true"),
    ("indices of maxima", _node("MaxPool", ["x"], 2, kernel_shape=[2]), {"x": [1, 1, 4]}, {},
     NOT_SERVED, "output 1, the indices of the maxima"),
    ("three spatial axes", _node("MaxPool", ["x"], kernel_shape=[1, 1, 1]),
     {"x": [1, 1, 2, 2, 2]}, {}, NOT_SERVED, "windows over more than two axes"),
    ("equation", _node("Einsum", ["x", "x"], equation="ab,bc->d"), {"x": [2, 2]}, {}, WRONG,
     "the equation 'ab,bc->d' does not fit"),
    ("activation", _node("RNN", ["x", "c", "d"], activations=["Swish"]), {"x": [1, 1, 1]},
     {"c": np.ones((1, 1, 1), np.float32), "d": np.ones((1, 1, 1), np.float32)}, NOT_SERVED,
     "the activation 'Swish'"),
    ("hidden size", _node("RNN", ["x", "c", "d"], hidden_size=2), {"x": [1, 1, 1]},
     {"c": np.ones((1, 1, 1), np.float32), "d": np.ones((1, 1, 1), np.float32)}, WRONG,
     "hidden_size is not that of R"),
    ("antialias", _node("Resize", ["x", "", "c"], antialias=1), {"x": [2]},
     {"c": np.array([2.0], np.float32)}, NOT_SERVED, "antialias"),
    ("unequal types", _node("Add", ["x", "i"]), {"x": [2], "i": [2]}, {}, WRONG, "the_node"),
)  # fmt: skip


def records():
    """Returns the records for goldens.json: as those of goldens.py, with "error" for results."""
    found = []
    for name, node, inputs, constants, begin, says in _CASES:
        types = dict([_X, _I])
        graph = helper.make_graph(
            [node],
            "refused",
            [helper.make_tensor_value_info(n, types[n], shape) for n, shape in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in node.output],
            [numpy_helper.from_array(value, n) for n, value in constants.items()],
        )
        opsets = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        text = base64.b64encode(model.SerializeToString()).decode()
        found.append({"name": name, "model": text, "inputs": [], "error": [begin, says]})
    return found
