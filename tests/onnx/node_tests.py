# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The node tests of the ONNX project, which come with its package, as step programs.

A node test has inputs for everything, also for shapes, axes and other things that must be known at
import. So a test is tried in up to three ways, and passes with the first that is not refused:

    inputs    as it is
    integers  the inputs that are not floats become constants
    first     all inputs but the first become constants
"""

import collections
import dataclasses
import warnings

import agreement
import goldens
import numpy as np
import onnx
from onnx import numpy_helper
from runner import Refused, Task

STATUSES = PASSED, REFUSED, WRONG = "passed", "refused", "wrong"
WAYS = ("inputs", "integers", "first")
# Types whose steps are coarser than those of float32, and what a value may be off.
_COARSE = {"float16": 1e-3, "bfloat16": 8e-3}
# Tests whose numbers are not exact to 1e-5 of the value.
_WIDER = {
    # The file rounds the expected values to four digits.
    "test_averagepool_2d_ceil_last_window_starts_on_pad": 5e-4,
    # A sum of 6,480 numbers; programs add them one after the other in float32.
    "test_nllloss_NCd1d2d3d4d5_mean_weight_expanded": 1e-4,
}


@dataclasses.dataclass
class Result:
    name: str
    operator: str
    status: str
    text: str = ""
    way: str = ""
    record: dict | None = None  # see goldens.py


def load():
    """Returns [(name, operator, case)]. The body of a function counts for its operator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        cases = load_model_tests(kind="node")
    operators = {}
    for case in cases:
        nodes = case.model.graph.node
        if "_expanded" not in case.name and len(nodes) == 1:
            operators[case.name] = _operator(nodes[0])
    found = []
    for case in cases:
        name = case.name.partition("_expanded")[0]
        nodes = case.model.graph.node
        operator = operators.get(case.name) or operators.get(name) or _operator(nodes[0])
        found.append((case.name, operator, case))
    return found


def _operator(node):
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def run(runner, name, operator, case):
    """Returns the Result of one test."""
    refusal = ""
    for way in WAYS:
        try:
            text, record = _attempt(runner, case, way)
        except Refused as error:
            refusal = refusal or str(error)
        except _NotNumbers as error:
            return Result(name, operator, REFUSED, str(error))
        except AssertionError as error:
            return Result(name, operator, WRONG, str(error), way)
        else:
            return Result(name, operator, WRONG if text else PASSED, text, way, record)
    return Result(name, operator, REFUSED, refusal)


class _NotNumbers(Exception):
    """An input or output is no tensor of numbers."""


def _attempt(runner, case, way):
    inputs, outputs = case.data_sets[0]
    inputs = [_array(value) for value in inputs]
    expected = [_array(value) for value in outputs]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    _modernize(model)
    kept = []
    for i, value in reversed(list(enumerate(graph.input))):
        if not value.type.HasField("tensor_type"):
            raise _NotNumbers(f"the input '{value.name}' is no tensor")
        is_float = inputs[i].dtype.kind == "f" or inputs[i].dtype.name in _COARSE
        if (way == "integers" and not is_float) or (way == "first" and i > 0):
            graph.initializer.append(numpy_helper.from_array(inputs[i], value.name))
            del graph.input[i]
        else:
            _set_shape(value, inputs[i].shape)
            kept.insert(0, inputs[i])
    executors = runner.run(Task(model, [kept]))
    names = {array.dtype.name for array in [*inputs, *expected]}
    coarse = max([_COARSE[name] for name in names & _COARSE.keys()], default=0.0)
    for outputs in executors:
        for number, (ours, theirs) in enumerate(zip(outputs[0], expected, strict=True)):
            relative = max(agreement.RELATIVE, coarse, _WIDER.get(case.name, 0.0))
            text = agreement.difference(ours, theirs, max(agreement.ABSOLUTE, coarse), relative)
            if text:
                return f"output {number}: {text}", None
    if case.name in _WIDER:
        return "", None
    return "", goldens.make_record(case.name, model, kept, expected)


def _modernize(model):
    """Lets tests of operators that version 7 has not changed count as tests of it."""
    for opset in model.opset_import:
        old, new = opset.version, 7
        since = [
            [onnx.defs.get_schema(node.op_type, version, node.domain).since_version
             for node in model.graph.node]
            for version in (old, new) if not opset.domain and old < new
        ]  # fmt: skip
        if since and since[0] == since[1]:
            opset.version = new


def _array(value):
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    if isinstance(value, (list, dict)) or value is None:
        raise _NotNumbers("a value is a sequence, a map or nothing")
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind in "USc":
        raise _NotNumbers("a tensor holds texts or complex numbers")
    return array


def _set_shape(value, shape):
    del value.type.tensor_type.shape.dim[:]
    value.type.tensor_type.shape.SetInParent()
    for extent in shape:
        value.type.tensor_type.shape.dim.add().dim_value = extent


def count(results):
    """Returns {operator: {status: number}}, sorted by name."""
    table = collections.defaultdict(lambda: {PASSED: 0, REFUSED: 0, WRONG: 0})
    for result in results:
        table[result.operator][result.status] += 1
    return dict(sorted(table.items()))
