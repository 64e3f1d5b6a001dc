# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random graphs of supported operators, beside ONNX Runtime."""

import math

import agreement
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, shape_inference
from runner import Task

NODES = 14
OPSETS = (13, 15, 17, 18, 20, 21)
ELEMENTS_MAX = 4000

_UNARY = ("Abs", "Neg", "Exp", "Sigmoid", "Tanh", "Relu", "Softplus", "Softsign", "Sin", "Cos",
          "Erf", "Elu", "Selu", "HardSigmoid", "HardSwish", "LeakyRelu", "ThresholdedRelu",
          "Floor", "Ceil", "Round", "Sign", "Atan", "Celu", "Identity", "Reciprocal", "Sqrt",
          "Log")  # fmt: skip
_BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu")
_REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
               "ReduceSumSquare", "ReduceLogSumExp")  # fmt: skip
_COMPARISONS = ("Less", "Greater", "LessOrEqual", "GreaterOrEqual")


class Graph:
    """A graph that grows by one random operator at a time."""

    def __init__(self, random):
        self.random = random
        self.opset = int(random.choice(OPSETS))
        self.nodes, self.weights, self.inputs = [], [], []
        self.shapes = {}  # of float values
        for i in range(random.integers(1, 4)):
            shape = [int(n) for n in random.integers(1, 7, size=random.integers(1, 5))]
            self.inputs.append((f"x{i}", shape))
            self.shapes[f"x{i}"] = shape
        for _ in range(NODES):
            makers = [name for name in dir(self) if name.startswith("make_")]
            x = self.pick(lambda shape: len(shape) > 0)
            getattr(self, str(random.choice(makers)))(x)

    # ------------------------------------------------------------------------ the building blocks

    def pick(self, condition=lambda shape: True):
        names = [name for name, shape in self.shapes.items() if condition(shape)]
        # Later values more often, so that graphs get deep.
        return str(self.random.choice(names[-6:])) if names else None

    def weight(self, shape, scale=0.7):
        values = self.random.normal(size=shape).astype(np.float32) * np.float32(scale)
        return self.constant(values)

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, outputs=1, **attributes):
        """Adds a node and returns the names of its outputs."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def keep(self, name, shape):
        if math.prod(shape) <= ELEMENTS_MAX and len(shape) <= 5:
            self.shapes[name] = [int(extent) for extent in shape]

    def axis(self, shape):
        return int(self.random.integers(-len(shape), len(shape)))

    def axes_as(self, axes, since):
        """The axes of a reduction: an operand from version `since` on, else an attribute."""
        if self.opset >= since:
            return [self.constant(np.array(axes, np.int64))], {}
        return [], {"axes": axes}

    # ------------------------------------------------------------------------------- the operators

    def make_unary(self, x):
        op = str(self.random.choice(_UNARY))
        shape = self.shapes[x]
        if op in ("Reciprocal", "Sqrt", "Log"):
            (x,) = self.node("Abs", [x])
            (x,) = self.node("Add", [x, self.constant(np.float32(0.5))])
        if op == "Exp":
            (x,) = self.node("Clip", [x, "", self.constant(np.float32(2.0))])
        (y,) = self.node(op, [x])
        self.keep(y, shape)

    def make_binary(self, x):
        op = str(self.random.choice(_BINARY))
        shape = self.shapes[x]
        other = [extent if self.random.random() < 0.7 else 1 for extent in shape]
        cut = int(self.random.integers(0, len(other) + 1))
        y = self.weight(other[cut:])
        if op == "Div":
            y = self.constant(np.float32(self.random.uniform(0.5, 2.0)))
        if op not in ("PRelu", "Div") and self.random.random() < 0.5:
            x, y = y, x
        (z,) = self.node(op, [x, y])
        self.keep(z, shape)

    def make_sum_of_two(self, x):
        shape = self.shapes[x]
        y = self.pick(lambda other: other == shape)
        (z,) = self.node(str(self.random.choice(["Add", "Mul", "Sum", "Mean", "Max"])), [x, y])
        (z,) = self.node("Tanh", [z])
        self.keep(z, shape)

    def make_where(self, x):
        shape = self.shapes[x]
        (condition,) = self.node(str(self.random.choice(_COMPARISONS)), [x, self.weight(shape)])
        (y,) = self.node("Where", [condition, x, self.weight(shape[1:])])
        self.keep(y, shape)

    def make_reduction(self, x):
        shape = self.shapes[x]
        op = str(self.random.choice(_REDUCTIONS))
        axes = sorted({self.axis(shape) % len(shape) for _ in range(2)})
        keep = int(self.random.integers(0, 2))
        operands, attributes = self.axes_as(axes, 13 if op == "ReduceSum" else 18)
        (y,) = self.node(op, [x, *operands], keepdims=keep, **attributes)
        reduced = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
        (y,) = self.node("Tanh", [y])
        self.keep(y, reduced)

    def make_softmax(self, x):
        op = str(self.random.choice(["Softmax", "LogSoftmax"]))
        (y,) = self.node(op, [x], axis=self.axis(self.shapes[x]))
        self.keep(y, self.shapes[x])

    def make_normalization(self, x):
        shape = self.shapes[x]
        (x,) = self.node("Add", [x, self.weight(shape)])
        if self.opset >= 17 and self.random.random() < 0.5:
            axis = self.axis(shape) % len(shape)
            scale, shift = self.weight(shape[axis:]), self.weight(shape[axis:])
            (y,) = self.node("LayerNormalization", [x, scale, shift], axis=axis, epsilon=1e-2)
        elif len(shape) >= 2:
            parts = [self.weight([shape[1]]) for _ in range(3)]
            variance = self.constant(self.random.uniform(0.5, 2, shape[1]).astype(np.float32))
            (y,) = self.node("BatchNormalization", [x, *parts, variance], epsilon=1e-3)
        else:
            (y,) = self.node("LpNormalization", [x], axis=-1, p=int(self.random.integers(1, 3)))
        self.keep(y, shape)

    def make_matmul(self, x):
        shape = self.shapes[x]
        width = int(self.random.integers(1, 20))
        (y,) = self.node("MatMul", [x, self.weight([shape[-1], width], 0.5)])
        self.keep(y, [*shape[:-1], width])

    def make_gemm(self, x):
        x = self.pick(lambda shape: len(shape) == 2)
        if x is None:
            return
        shape = self.shapes[x]
        turns, turned = (int(n) for n in self.random.integers(0, 2, size=2))
        rows, inner = shape[::-1] if turns else shape
        width = int(self.random.integers(1, 9))
        kernel = self.weight([width, inner] if turned else [inner, width], 0.5)
        (y,) = self.node("Gemm", [x, kernel, self.weight([width])], transA=turns, transB=turned,
                         alpha=0.5, beta=float(self.random.uniform(0.5, 2)))  # fmt: skip
        self.keep(y, [rows, width])

    def make_einsum(self, x):
        x = self.pick(lambda shape: len(shape) == 3)
        if x is None:
            return
        a, b, c = self.shapes[x]
        equation, kernel, shape = (
            ("abc,cd->abd", [c, 3], [a, b, 3]),
            ("abc,abd->acd", [a, b, 2], [a, c, 2]),
            ("abc,abc->b", [a, b, c], [b]),
            ("...c,cd->d...", [c, 2], [2, a, b]),
        )[self.random.integers(0, 4)]
        (y,) = self.node("Einsum", [x, self.weight(kernel, 0.5)], equation=equation)
        (y,) = self.node("Tanh", [y])
        self.keep(y, shape)

    def make_reshape(self, x):
        shape = self.shapes[x]
        cut = int(self.random.integers(0, len(shape) + 1))
        wanted = [math.prod(shape[:cut]), math.prod(shape[cut:])]
        (y,) = self.node("Reshape", [x, self.constant(np.array([wanted[0], -1]))])
        self.keep(y, wanted)

    def make_transpose(self, x):
        perm = [int(i) for i in self.random.permutation(len(self.shapes[x]))]
        (y,) = self.node("Transpose", [x], perm=perm)
        self.keep(y, [self.shapes[x][i] for i in perm])

    def make_unsqueeze(self, x):
        shape = self.shapes[x]
        axis = int(self.random.integers(0, len(shape) + 1))
        (y,) = self.node("Unsqueeze", [x, self.constant(np.array([axis]))])
        self.keep(y, [*shape[:axis], 1, *shape[axis:]])

    def make_slice(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        extent = shape[axis]
        step = int(self.random.choice([-2, -1, 1, 2]))
        begin, end = sorted(int(n) for n in self.random.integers(0, extent + 1, size=2))
        if begin == end:
            begin, end = 0, extent
        kept = range(extent)[begin:end:step] if step > 0 else range(extent)[begin:end][::step]
        start, limit = (begin, end) if step > 0 else (end - 1, begin - 1 - extent)
        limit = limit if step > 0 else (limit if begin else -(2**31))
        arrays = [[start], [limit], [axis], [step]]
        (y,) = self.node("Slice", [x, *(self.constant(np.array(a, np.int64)) for a in arrays)])
        shape[axis] = len(kept)
        self.keep(y, shape)

    def make_concat(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        (y,) = self.node("Concat", [x, self.weight(shape), x], axis=axis)
        shape[axis] *= 3
        self.keep(y, shape)

    def make_split(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        if shape[axis] < 2:
            return
        first = int(self.random.integers(1, shape[axis]))
        sizes = [first, shape[axis] - first]
        names = self.node("Split", [x, self.constant(np.array(sizes))], 2, axis=axis)
        for name, size in zip(names, sizes, strict=True):
            self.keep(name, [*shape[: axis % len(shape)], size, *shape[axis % len(shape) + 1 :]])

    def make_pad(self, x):
        shape = self.shapes[x]
        mode = str(self.random.choice(["constant", "reflect", "edge"]))
        most = [min(2, n - 1) if mode == "reflect" else 2 for n in shape]
        low = [int(self.random.integers(0, n + 1)) for n in most]
        high = [int(self.random.integers(0, n + 1)) for n in most]
        pads = self.constant(np.array(low + high, np.int64))
        value = [self.constant(np.float32(0.25))] if mode == "constant" else []
        (y,) = self.node("Pad", [x, pads, *value], mode=mode)
        self.keep(y, [n + a + b for n, a, b in zip(shape, low, high, strict=True)])

    def make_tile(self, x):
        repeats = [int(n) for n in self.random.integers(1, 3, size=len(self.shapes[x]))]
        (y,) = self.node("Tile", [x, self.constant(np.array(repeats))])
        self.keep(y, [n * r for n, r in zip(self.shapes[x], repeats, strict=True)])

    def make_expand(self, x):
        (y,) = self.node("Expand", [x, self.constant(np.array([2] + [1] * len(self.shapes[x])))])
        self.keep(y, [2, *self.shapes[x]])

    def make_gather(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        extent = shape[axis]
        indices = self.random.integers(-extent, extent, size=[2, 2][: self.random.integers(0, 3)])
        (y,) = self.node("Gather", [x, self.constant(np.array(indices, np.int64))], axis=axis)
        place = axis % len(shape)
        self.keep(y, [*shape[:place], *np.shape(indices), *shape[place + 1 :]])

    def make_gather_elements(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        wanted = list(shape)
        wanted[axis] = 3
        indices = self.random.integers(-shape[axis], shape[axis], size=wanted)
        (y,) = self.node("GatherElements", [x, self.constant(indices)], axis=axis)
        self.keep(y, wanted)

    def make_gather_computed(self, x):
        """Indices that depend on the inputs."""
        shape = self.shapes[x]
        (index,) = self.node("ArgMax", [x], axis=0, keepdims=0)
        (y,) = self.node("Gather", [self.weight([shape[0], 2]), index])
        self.keep(y, [*shape[1:], 2])

    def make_scatter(self, x):
        shape = self.shapes[x]
        if self.random.random() < 0.5:
            indices = self.constant(self.random.permutation(shape[0])[:1].reshape(1, 1))
            (y,) = self.node("ScatterND", [x, indices, self.weight([1, *shape[1:]])])
        else:
            indices = self.random.integers(0, shape[0], size=[1, *shape[1:]])
            updates = self.weight([1, *shape[1:]])
            (y,) = self.node("ScatterElements", [x, self.constant(indices), updates], axis=0)
        self.keep(y, shape)

    def make_cumsum(self, x):
        shape = self.shapes[x]
        flags = {name: int(self.random.integers(0, 2)) for name in ("exclusive", "reverse")}
        (y,) = self.node("CumSum", [x, self.constant(np.int64(self.axis(shape)))], **flags)
        (y,) = self.node("Tanh", [y])
        self.keep(y, shape)

    def make_top_k(self, x):
        shape = list(self.shapes[x])
        axis = self.axis(shape)
        k = int(self.random.integers(1, shape[axis] + 1))
        largest = int(self.random.integers(0, 2))
        values, _ = self.node("TopK", [x, self.constant(np.array([k]))], 2, axis=axis,
                              largest=largest)  # fmt: skip
        shape[axis] = k
        self.keep(values, shape)

    def make_clip(self, x):
        bounds = [self.constant(np.float32(n)) for n in (-0.8, 0.9)]
        (y,) = self.node("Clip", [x, *bounds])
        self.keep(y, self.shapes[x])

    def make_convolution(self, x):
        x = self.pick(lambda shape: len(shape) in (3, 4) and min(shape[2:]) >= 2)
        if x is None:
            return
        batch, channels, *space = self.shapes[x]
        size = [2] * len(space)
        stride = int(self.random.integers(1, 3))
        if self.random.random() < 0.3:
            kernel = self.weight([channels, 3, *size], 0.4)
            (y,) = self.node("ConvTranspose", [x, kernel], strides=[stride] * len(space),
                             output_padding=[0] * len(space))  # fmt: skip
            self.keep(y, [batch, 3, *((n - 1) * stride + 2 for n in space)])
            return
        same = bool(self.random.random() < 0.5)
        kernel = self.weight([4, channels, *size], 0.4)
        pad = str(self.random.choice(["SAME_UPPER", "SAME_LOWER"])) if same else "VALID"
        (y,) = self.node("Conv", [x, kernel, self.weight([4])], auto_pad=pad,
                         strides=[stride] * len(space))  # fmt: skip
        out = [-(-n // stride) if same else (n - 2) // stride + 1 for n in space]
        self.keep(y, [batch, 4, *out])

    def make_pool(self, x):
        x = self.pick(lambda shape: len(shape) in (3, 4) and min(shape[2:]) >= 2)
        if x is None:
            return
        batch, channels, *space = self.shapes[x]
        ones = [1] * len(space)
        op = str(self.random.choice(["MaxPool", "AveragePool"]))
        extra = {}
        if op == "AveragePool":
            extra = {"count_include_pad": int(self.random.integers(0, 2))}
        (y,) = self.node(op, [x], kernel_shape=[2] * len(space), strides=ones, pads=ones + ones,
                         **extra)  # fmt: skip
        self.keep(y, [batch, channels, *(n + 1 for n in space)])

    def make_recurrence(self, x):
        x = self.pick(lambda shape: len(shape) == 3 and shape[0] <= 6)
        if x is None:
            return
        time, batch, width = self.shapes[x]
        hidden = int(self.random.integers(1, 7))
        op, gates = (("LSTM", 4), ("GRU", 3), ("RNN", 1))[self.random.integers(0, 3)]
        direction = str(self.random.choice(["forward", "reverse", "bidirectional"]))
        count = 2 if direction == "bidirectional" else 1
        operands = [x, self.weight([count, gates * hidden, width]),
                    self.weight([count, gates * hidden, hidden])]  # fmt: skip
        has_bias = self.random.random() < 0.7
        operands.append(self.weight([count, 2 * gates * hidden]) if has_bias else "")
        lengths = self.random.integers(1, time + 1, size=batch).astype(np.int32)
        operands.append(self.constant(lengths) if self.random.random() < 0.3 else "")
        operands.append(self.weight([count, batch, hidden]) if self.random.random() < 0.7 else "")
        extra = {}
        if op == "LSTM":
            operands.append(self.weight([count, batch, hidden]))
            if self.random.random() < 0.5:
                operands.append(self.weight([count, 3 * hidden]))
        if op == "GRU":
            extra["linear_before_reset"] = int(self.random.integers(0, 2))
        if self.random.random() < 0.3:
            extra["clip"] = 0.6
        if self.random.random() < 0.4:
            names = {"LSTM": ["HardSigmoid", "Softsign", "Tanh"], "GRU": ["Sigmoid", "LeakyRelu"],
                     "RNN": ["Elu"]}[op]  # fmt: skip
            extra["activations"] = names * count
            if op == "GRU":
                extra["activation_alpha"] = [0.2] * count
        y, last = self.node(op, operands, 2, hidden_size=hidden, direction=direction, **extra)
        self.keep(y, [time, count, batch, hidden])
        self.keep(last, [count, batch, hidden])

    # ---------------------------------------------------------------------------------- the result

    def model(self):
        outputs = list(self.shapes)[-4:]
        outputs = [name for name in outputs if not name.startswith("x")]

        def value(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "random",
            [value(name, shape) for name, shape in self.inputs],
            [value(name, self.shapes[name]) for name in outputs],
            self.weights,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def compare(runner, seed):
    """Makes the graph of a seed. Returns (names of its operators, what is wrong or "")."""
    random = np.random.default_rng(seed)
    graph = Graph(random)
    model = graph.model()
    operators = [node.op_type for node in model.graph.node]
    if not model.graph.output:
        return operators, ""
    onnx.checker.check_model(model)
    inputs = {name: random.normal(size=shape).astype(np.float32) for name, shape in graph.inputs}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    expected = session.run(names, inputs)
    order = [value.name for value in model.graph.input]
    for outputs in runner.run(Task(model, [[inputs[name] for name in order]])):
        for name, ours, theirs in zip(names, outputs[0], expected, strict=True):
            # Errors add up over the operators of a graph.
            text = agreement.difference(ours, theirs, 2e-5, 1e-4)
            if text:
                return operators, f"'{name}': {text}"
    return operators, ""
