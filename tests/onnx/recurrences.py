# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random models whose recurrences run over whole sequences, imported and served by the real
programs, beside ONNX Runtime.

Each has one to three LSTM, GRU, RNN or Scan nodes in any direction, with random attributes, lengths
of rows, peepholes and initial states, other nodes before, between and after them, and a head for every
timestep or for the sequence. `Infer` gets batches of padded rows. A model that can be stepped is
also streamed, in parts of random lengths.
"""

import dataclasses
import subprocess

import agreement
import models
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from served_models import Call, ModelClient, Server

BATCH_MAX = 5
TIME_MAX = 60
STEPS = 200  # Of a session.
FIXED_TIME = 20  # Of every fifth file.
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
# The activations, and whether each must be bounded, so that nothing grows without end.
_ACTIVATIONS = {"LSTM": (True, True, False), "GRU": (True, True), "RNN": (True,)}
_BOUNDED = ("Sigmoid", "Tanh", "Softsign", "HardSigmoid", "ScaledTanh")
# With the numbers that each takes.
_NUMBERS = {
    "Sigmoid": (), "Tanh": (), "Relu": (), "Softsign": (), "HardSigmoid": ("alpha", "beta"),
    "Affine": ("alpha", "beta"), "ScaledTanh": ("alpha", "beta"), "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
}  # fmt: skip


@dataclasses.dataclass
class Generated:
    proto: object
    inputs: dict  # {name: "sequence", "lengths" or "row"}
    features: int
    is_forward: bool


class _Maker:
    """Makes one model."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []
        self.kinds = {}
        self.is_forward = True
        self.count = 0

    def chance(self, probability):
        return bool(self.random.random() < probability)

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def weight(self, *shape, scale=None):
        scale = scale if scale is not None else 1.0 / np.sqrt(shape[-1])
        return self.constant((self.random.normal(size=shape) * scale).astype(np.float32))

    def constant(self, array):
        name = self.name("w")
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, outputs=1, **attributes):
        names = [self.name(op.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=self.name("/" + op), **attributes))
        return names if outputs > 1 else names[0]

    def input(self, name, kind, data_type, shape):
        if name not in self.kinds:
            self.kinds[name] = kind
            self.inputs.append(helper.make_tensor_value_info(name, data_type, shape))
        return name


def generate(seed):
    """Returns a Generated model."""
    m = _Maker(seed)
    features = int(m.random.integers(1, 6))
    m.input("x", "sequence", TensorProto.FLOAT, ["batch", "time", features])
    x, width = "x", features
    if m.chance(0.4):
        new = int(m.random.integers(1, 7))
        x, width = m.node("Tanh", [m.node("MatMul", [x, m.weight(width, new)])]), new
    if m.chance(0.25):
        m.input("speaker", "row", TensorProto.FLOAT, ["batch", width])
        one = m.constant(np.array([1]))
        x = m.node("Add", [x, m.node("Unsqueeze", ["speaker", one])])
    x = m.node("Transpose", [x], perm=[1, 0, 2])  # [time, batch, width]
    for _ in range(int(m.random.integers(1, 4))):
        add = _scan if m.chance(0.25) else _recurrence
        x, width, last = add(m, x, width)
    if m.chance(0.5):
        y = m.node("Tanh", [m.node("MatMul", [x, m.weight(width, 3)])])
        m.outputs.append((m.node("Transpose", [y], perm=[1, 0, 2]), ["batch", "time", 3]))
    else:
        flat, size = last
        m.outputs.append((m.node("MatMul", [flat, m.weight(size, 2)]), ["batch", 2]))
    if m.chance(0.3):
        zero = m.constant(np.array(-1))
        m.outputs.append((m.node("Gather", [x, zero], axis=0), ["batch", width]))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
               for name, shape in m.outputs]  # fmt: skip
    graph = helper.make_graph(m.nodes, "recurrences", m.inputs, outputs, m.weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    return Generated(proto, m.kinds, features, m.is_forward)


def _recurrence(m, x, width):
    """Adds a node. Returns ([time, batch, size], size, ([batch, size of states], that size))."""
    op = str(m.random.choice(list(_GATES)))
    direction = str(m.random.choice(["forward", "reverse", "bidirectional"]))
    m.is_forward = m.is_forward and direction == "forward"
    directions = 2 if direction == "bidirectional" else 1
    hidden = int(m.random.integers(1, 6))
    gates = _GATES[op]
    attributes = {"direction": direction, "hidden_size": hidden}
    if m.chance(0.4):
        attributes.update(_activations(m, op, directions))
    if m.chance(0.3):
        attributes["clip"] = float(m.random.uniform(0.3, 2.0))
    if op == "GRU" and m.chance(0.5):
        attributes["linear_before_reset"] = 1
    # With gates below 0, coupled ones would make the state grow without end.
    if op == "LSTM" and "activations" not in attributes and m.chance(0.6):
        attributes["input_forget"] = 1
    inputs = [x, m.weight(directions, gates * hidden, width),
              m.weight(directions, gates * hidden, hidden)]  # fmt: skip
    inputs.append(m.weight(directions, 2 * gates * hidden, scale=0.3) if m.chance(0.7) else "")
    has_lengths = m.chance(0.5)
    inputs.append(m.input("lengths", "lengths", TensorProto.INT32, ["batch"]) if has_lengths else "")
    for state in ("h0", "c0")[: 2 if op == "LSTM" else 1]:
        inputs.append(_initial_state(m, f"{state}_{m.count}", directions, hidden))
    if op == "LSTM" and m.chance(0.4):
        inputs.append(m.weight(directions, 3 * hidden, scale=0.5))
    while not inputs[-1]:
        inputs.pop()
    results = m.node(op, inputs, outputs=3 if op == "LSTM" else 2, **attributes)
    size = directions * hidden
    y = m.node("Transpose", [results[0]], perm=[0, 2, 1, 3])
    y = m.node("Reshape", [y, m.constant(np.array([0, 0, -1]))])
    last = m.node("Transpose", [results[-1]], perm=[1, 0, 2])
    last = m.node("Reshape", [last, m.constant(np.array([-1, size]))])
    if m.chance(0.3):
        y = m.node("Add", [y, m.node("MatMul", [x, m.weight(width, size)])])
    return y, size, (last, size)


def _scan(m, x, width):
    """Adds a Scan with two states, of which the second is a sum. It reads weights from outside, and
    sometimes a second input and a value of the whole sequence."""
    is_reverse = m.chance(0.4)
    m.is_forward = m.is_forward and not is_reverse
    hidden = int(m.random.integers(1, 6))
    states = [_scan_state(m, f"s{i}_{m.count}", hidden) for i in range(2)]
    scanned = [x, m.node("Tanh", [x])] if m.chance(0.5) else [x]
    outside = m.input(f"bias_{m.count}", "row", TensorProto.FLOAT, ["batch", hidden]) \
        if m.chance(0.3) else m.weight(hidden)  # fmt: skip
    names = ["h", "sum", *(f"element{i}" for i in range(len(scanned)))]

    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)

    nodes = [
        helper.make_node("MatMul", ["element0", m.weight(width, hidden)], ["a"]),
        helper.make_node("MatMul", ["h", m.weight(hidden, hidden)], ["b"]),
        helper.make_node("Sum", ["a", "b", outside], ["c"]),
        helper.make_node("Tanh", ["c"], ["next"]),
        helper.make_node("Add", ["sum", "next"], ["next_sum"]),
        helper.make_node("Concat", ["next", *names[2:]], ["y"], axis=1),
        helper.make_node("Mul", ["next_sum", m.constant(np.float32(0.05))], ["z"]),
    ]
    body = helper.make_graph(
        nodes, "body", [value(name) for name in names],
        [value(name) for name in ("next", "next_sum", "y", "z")],
    )  # fmt: skip
    attributes = {"num_scan_inputs": len(scanned)}
    if is_reverse:
        attributes["scan_input_directions"] = [1] * len(scanned)
        attributes["scan_output_directions"] = [1, 1]
    results = m.node("Scan", [*states, *scanned], outputs=4, body=body, **attributes)
    y = m.node("Concat", [results[2], results[3]], axis=2)
    return y, 2 * hidden + len(scanned) * width, (results[0], hidden)


def _scan_state(m, name, hidden):
    if m.chance(0.3):
        return m.input(name, "row", TensorProto.FLOAT, ["batch", hidden])
    shape = m.node("Shape", ["x"])
    batch = m.node("Slice", [shape, m.constant(np.array([0])), m.constant(np.array([1]))])
    extents = m.node("Concat", [batch, m.constant(np.array([hidden]))], axis=0)
    scale = 0.5 if m.chance(0.5) else 0.0
    return m.node("Expand", [m.weight(1, hidden, scale=scale), extents])


def _activations(m, op, directions):
    names = [str(m.random.choice(_BOUNDED if is_bounded else list(_NUMBERS)))
             for is_bounded in _ACTIVATIONS[op] * directions]  # fmt: skip
    alphas, betas = [], []
    for name in names:
        if "alpha" in _NUMBERS[name]:
            alphas.append(float(m.random.uniform(0.2, 0.6)))
        if "beta" in _NUMBERS[name]:
            betas.append(float(m.random.uniform(0.1, 0.5)))
    found = {"activations": names, "activation_alpha": alphas, "activation_beta": betas}
    return {key: value for key, value in found.items() if value}


def _initial_state(m, name, directions, hidden):
    choice = m.random.random()
    if choice < 0.5:
        return ""
    if choice < 0.75:  # The same for all rows, and computed from the number of rows.
        shape = m.node("Shape", ["x"])
        batch = m.node("Slice", [shape, m.constant(np.array([0])), m.constant(np.array([1]))])
        extents = m.node("Concat", [m.constant(np.array([directions])), batch,
                                    m.constant(np.array([hidden]))], axis=0)  # fmt: skip
        return m.node("Expand", [m.weight(directions, 1, hidden, scale=0.5), extents])
    return m.input(name, "row", TensorProto.FLOAT, [directions, "batch", hidden])


def with_fixed_time(proto):
    """Returns the model as an exporter writes it that fixes the batch and the timesteps."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    for value in [*fixed.graph.input, *fixed.graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = {"batch": 1, "time": FIXED_TIME}[dim.dim_param]
    return fixed


def random_inputs(model, batch, time, random):
    """Returns {name: array} for ONNX Runtime."""
    values = {}
    for value in model.proto.graph.input:
        shape = [{"batch": batch, "time": time}.get(dim.dim_param, dim.dim_value)
                 for dim in value.type.tensor_type.shape.dim]  # fmt: skip
        if model.inputs[value.name] == "lengths":
            values[value.name] = random.integers(1, time + 1, size=shape).astype(np.int32)
        else:
            values[value.name] = random.normal(size=shape).astype(np.float32)
    return values


def to_rows(model, values, names):
    """Returns the arrays as the server takes them, in the order of `names`."""
    rows = []
    for name in names:
        value = values[name]
        if name[:3] in ("h0_", "c0_"):
            value = np.swapaxes(value, 0, 1)  # [batch, directions, hidden]
        if model.inputs[name] != "sequence":
            value = value.reshape(len(value), -1).astype(np.float32)
        rows.append(np.ascontiguousarray(value))
    return rows


def run(programs, folder, seeds):
    """Yields (seed, what is wrong, largest error, whether it can be stepped) for each seed."""
    generated = {seed: generate(seed) for seed in seeds}
    (folder / "models").mkdir(parents=True)
    refused = {}
    for seed, model in generated.items():
        file = folder / f"{seed}.onnx"
        onnx.save(with_fixed_time(model.proto) if seed % 5 == 0 else model.proto, file)
        command = [programs / "rnnserve-import", file, folder / "models" / f"model{seed}"]
        command += [part for state in model.inputs if state[:3] in ("h0_", "c0_")
                    for part in ("--batch-axis", f"{state}=1")]  # fmt: skip
        if seed % 5 == 0:
            command += ["--batch-axis", "x=0"]  # Features may have an extent of 1, too.
        result = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=120, check=False
        )
        if result.returncode != 0:
            refused[seed] = result.stderr.strip() or f"code {result.returncode}"
    with Server(programs, folder, has_plugin=False) as server:
        for seed, model in generated.items():
            if seed in refused:
                yield seed, refused[seed], 0.0, False
                continue
            client = _Client(server, f"model{seed}")
            try:
                text, largest = compare(client, model, np.random.default_rng(seed))
            except Exception as error:  # Of the call; the others go on.
                text, largest = f"{type(error).__name__}: {error}", 0.0
            yield seed, text, largest, not client.about.non_streamable_reason


def _reference(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class _Client(ModelClient):
    """Passes an input without a time axis whole with every step."""

    def _step_request(self, session, call, row, begin, end):
        request = super()._step_request(session, call, row, begin, end)
        if len(call.inputs) > 1:
            del request.inputs[:]
            inputs = [value[row, begin:end] if value.ndim == 3 else value[row]
                      for value in call.inputs]  # fmt: skip
            self._set_inputs(request, inputs, None)
        return request


def compare(client, model, random):
    """Returns (what is wrong, largest error)."""
    reference = _reference(model)
    largest = 0.0
    times = [1, 2, int(random.integers(3, TIME_MAX + 1))]
    if client.about.non_streamable_reason:
        client.expect_no_sessions()
    else:
        times.append(STEPS)
    for time in times:
        batch = int(random.integers(1, BATCH_MAX + 1))
        values = random_inputs(model, batch, time, random)
        names = [value.name for value in reference.get_outputs()]
        expected = dict(zip(names, reference.run(None, values), strict=True))
        inputs = to_rows(model, values, [value.name for value in client.about.inputs])
        call = _call(inputs, random)
        outputs = _streamed(client, call) if time == STEPS else client.infer(call)[0]
        results = [value.name for value in client.about.outputs]
        for name, ours in zip(results, outputs, strict=True):
            theirs = expected[name]
            if ours.ndim > theirs.ndim:  # A program gives it after every timestep.
                ours = ours[:, -1]
            text = agreement.difference(ours, theirs, *models.tolerance(theirs))
            if text:
                change = _sensitivity(reference, values, names.index(name), random)
                text = agreement.difference(ours, theirs, 4 * change, 0.0)
            if text:
                return f"[{batch}, {time}], output '{name}': {text}", largest
            largest = max(largest, float(np.abs(ours - theirs).max(initial=0.0)))
    return "", largest


def _sensitivity(reference, values, output, random):
    """How far ONNX Runtime's own output moves when the inputs move by their last bit. Some random
    models amplify every rounding."""
    expected = reference.run(None, values)[output]
    largest = 0.0
    for _ in range(8):
        moved = {}
        for name, value in values.items():
            signs = random.choice([-1.0, 1.0], size=value.shape).astype(np.float32)
            is_float = value.dtype == np.float32
            moved[name] = np.nextafter(value, signs * np.inf) if is_float else value
        change = np.abs(reference.run(None, moved)[output] - expected)
        largest = max(largest, float(change.max(initial=0.0)))
    return largest


def _call(inputs, random):
    """The inputs, which may begin with one without time, with the cuts of a sequence."""
    call = Call([value for value in inputs if value.ndim == 3], random)
    call.inputs = inputs
    return call


def _streamed(client, call):
    """Returns the outputs of sessions that are fed in parts, as Infer would return them."""
    parts, _ = client.chunks(call)
    outputs = []
    for number, spec in enumerate(client.about.outputs):
        rows = [[outputs[number] for _, outputs in parts[row]] for row in range(call.batch)]
        has_time = spec.has_time
        outputs.append(np.stack([np.concatenate(row) if has_time else row[-1] for row in rows]))
    return outputs
