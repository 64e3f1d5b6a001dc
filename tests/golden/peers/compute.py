# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Computes RNN, LSTM and GRU layers with PyTorch and ONNX Runtime, and writes the results as JSON.

Each JSON file next to this one has weights in Keras' layout, an input, and the peer's outputs and
final states; peer_goldens.py makes Keras models from them. This file handles the differences
between the frameworks: the order of the gates, the transposed kernels, and the two biases.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper

HERE = pathlib.Path(__file__).resolve().parent
BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 3
LENGTHS = [5, 2, 3]

# For each gate in Keras' order (LSTM: i f c o; GRU: z r h), the number of its block in the peer.
TORCH_BLOCKS = {"LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2], "SimpleRNN": [0]}
ONNX_BLOCKS = {"LSTM": [0, 2, 3, 1], "GRU": [0, 1, 2], "SimpleRNN": [0]}


def reordered(matrix, blocks):
    """Returns the gates, which are blocks of the first axis, in another order."""
    gates = np.split(np.asarray(matrix, np.float32), len(blocks))
    return np.concatenate([gates[block] for block in blocks])


def keras_weights(kind, blocks, kernel, recurrent, biases, keeps_biases):
    """Returns Keras' [kernel, recurrent_kernel, bias]. keeps_biases: for a GRU with reset_after."""
    biases = [reordered(bias, blocks) for bias in biases]
    bias = np.stack(biases) if keeps_biases else biases[0] + biases[1]
    return [reordered(kernel, blocks).T, reordered(recurrent, blocks).T, bias]


def inputs_of(name):
    random = np.random.default_rng(list(name.encode()))
    return random.normal(0.0, 1.0, (BATCH, TIME, FEATURES)).round(3).astype(np.float32)


def mask_of(lengths):
    return np.arange(TIME)[None] < np.array(lengths)[:, None]


# ------------------------------------------------------------------------------------------ torch


def torch_case(name, module, kind, lengths=None, with_state=False):
    torch.manual_seed(len(name))
    module = module.eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    directions, depth = 1 + module.bidirectional, module.num_layers
    inputs, states = inputs_of(name), None
    arguments = [torch.from_numpy(inputs)]
    if with_state:
        states = [torch.randn(directions * depth, BATCH, UNITS) for _ in range(_num_states(kind))]
        arguments.append(tuple(states) if len(states) > 1 else states[0])
    if lengths is not None:
        arguments[0] = torch.nn.utils.rnn.pack_padded_sequence(
            arguments[0], lengths, batch_first=True, enforce_sorted=False
        )
    with torch.no_grad():
        outputs, final = module(*arguments)
    if lengths is not None:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
            outputs, batch_first=True, total_length=TIME
        )
    final = list(final) if isinstance(final, tuple) else [final]
    write(
        name,
        peer=f"PyTorch {torch.__version__.partition('+')[0]}",
        kind=kind,
        bidirectional=module.bidirectional,
        activation=getattr(module, "nonlinearity", "tanh"),
        layers=[
            [torch_weights(module, kind, f"l{i}{d}") for d in ["", "_reverse"][:directions]]
            for i in range(depth)
        ],
        inputs=inputs,
        lengths=lengths,
        initial_state=states and by_layer([state.numpy() for state in states], directions),
        outputs=outputs.numpy(),
        states=by_layer([state.numpy() for state in final], directions),
    )


def torch_weights(module, kind, suffix):
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    values = [getattr(module, f"{name}_{suffix}").detach().numpy() for name in names]
    return keras_weights(kind, TORCH_BLOCKS[kind], *values[:2], values[2:], kind == "GRU")


def by_layer(states, directions):
    """Returns [[forward h, c, then backward, of layer 0], ...] from [h, c], each [layers * d, B,
    U]."""
    count = len(states[0]) // directions
    return [
        [state[i * directions + d] for d in range(directions) for state in states]
        for i in range(count)
    ]


def _num_states(kind):
    return 2 if kind == "LSTM" else 1


def torch_cases():
    options = {"batch_first": True}
    lstm, gru, rnn = torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN
    torch_case("torch_rnn", rnn(FEATURES, UNITS, **options), "SimpleRNN", with_state=True)
    relu = rnn(FEATURES, UNITS, nonlinearity="relu", **options)
    torch_case("torch_rnn_relu", relu, "SimpleRNN")
    torch_case("torch_lstm", lstm(FEATURES, UNITS, **options), "LSTM")
    torch_case("torch_lstm_state", lstm(FEATURES, UNITS, **options), "LSTM", with_state=True)
    torch_case("torch_lstm_packed", lstm(FEATURES, UNITS, **options), "LSTM", LENGTHS)
    torch_case("torch_lstm_two_layers", lstm(FEATURES, UNITS, 2, **options), "LSTM")
    torch_case("torch_gru", gru(FEATURES, UNITS, **options), "GRU")
    torch_case("torch_gru_state", gru(FEATURES, UNITS, **options), "GRU", with_state=True)
    torch_case("torch_gru_packed", gru(FEATURES, UNITS, **options), "GRU", LENGTHS)
    both = {**options, "bidirectional": True}
    torch_case("torch_lstm_both", lstm(FEATURES, UNITS, **both), "LSTM", with_state=True)
    torch_case("torch_gru_both_packed", gru(FEATURES, UNITS, **both), "GRU", LENGTHS)


# ------------------------------------------------------------------------------------------- ONNX


def onnx_case(name, operator, kind, both=False, lengths=None, with_state=False, **attributes):
    random = np.random.default_rng(list(name.encode()))
    directions, gates = 1 + both, len(ONNX_BLOCKS[kind])
    shapes = {
        "W": (directions, gates * UNITS, FEATURES),
        "R": (directions, gates * UNITS, UNITS),
        "B": (directions, 2 * gates * UNITS),
    }
    feeds = {key: random.normal(0.0, 0.5, shape) for key, shape in shapes.items()}
    inputs = inputs_of(name)
    feeds["X"] = inputs.transpose(1, 0, 2)
    states = ["initial_h", "initial_c"][: _num_states(kind)] if with_state else []
    for state in states:
        feeds[state] = random.normal(0.0, 0.7, (directions, BATCH, UNITS))
    feeds = {key: value.astype(np.float32) for key, value in feeds.items()}
    if lengths is not None:
        feeds["sequence_lens"] = np.array(lengths, np.int32)
    names = ["X", "W", "R", "B", "sequence_lens" if lengths else "", *states]
    if both:
        attributes["direction"] = "bidirectional"
    results = onnx_run(operator, kind, names, feeds, attributes)
    outputs = results[0].transpose(2, 0, 1, 3).reshape(BATCH, TIME, directions * UNITS)
    keeps = kind == "GRU" and attributes.get("linear_before_reset", 0) == 1
    write(
        name,
        peer=f"ONNX Runtime {onnxruntime.__version__}",
        kind=kind,
        bidirectional=both,
        reset_after=keeps,
        layers=[[onnx_weights(kind, feeds, d, keeps) for d in range(directions)]],
        inputs=inputs,
        lengths=lengths,
        initial_state=by_layer([feeds[state] for state in states], directions) if states else None,
        outputs=outputs,
        states=by_layer(results[1:], directions),
    )


def onnx_weights(kind, feeds, direction, keeps_biases):
    kernel, recurrent, biases = (feeds[key][direction] for key in ("W", "R", "B"))
    halves = np.split(biases, 2)
    return keras_weights(kind, ONNX_BLOCKS[kind], kernel, recurrent, halves, keeps_biases)


def onnx_run(operator, kind, names, feeds, attributes):
    """Runs a graph of one operator and returns its outputs."""
    outputs = ["Y", "Y_h", "Y_c"][: 1 + _num_states(kind)]
    node = helper.make_node(operator, names, outputs, hidden_size=UNITS, **attributes)
    types = {np.dtype("float32"): onnx.TensorProto.FLOAT, np.dtype("int32"): onnx.TensorProto.INT32}
    graph = helper.make_graph(
        [node],
        "graph",
        [
            helper.make_tensor_value_info(key, types[value.dtype], value.shape)
            for key, value in feeds.items()
        ],
        [helper.make_tensor_value_info(key, onnx.TensorProto.FLOAT, None) for key in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def onnx_cases():
    onnx_case("onnx_rnn", "RNN", "SimpleRNN")
    onnx_case("onnx_lstm", "LSTM", "LSTM", with_state=True)
    onnx_case("onnx_lstm_lengths", "LSTM", "LSTM", lengths=LENGTHS)
    onnx_case("onnx_lstm_both_lengths", "LSTM", "LSTM", both=True, lengths=LENGTHS)
    onnx_case("onnx_gru_before", "GRU", "GRU", with_state=True, linear_before_reset=0)
    onnx_case("onnx_gru_after", "GRU", "GRU", with_state=True, linear_before_reset=1)
    onnx_case("onnx_gru_both_lengths", "GRU", "GRU", True, LENGTHS, linear_before_reset=1)


def write(name, **case):
    """Writes one line for each member. Floats have the fewest digits that read back as the same."""

    def plain(value):
        if isinstance(value, np.ndarray):
            data = [float(str(x)) for x in np.asarray(value, np.float32).ravel()]
            return {"shape": list(value.shape), "data": data}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value

    lines = [f'"{key}": {json.dumps(plain(value))}' for key, value in case.items()]
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch_cases()
    onnx_cases()
