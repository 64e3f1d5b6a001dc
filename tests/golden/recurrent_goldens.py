# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens of single recurrent layers: every kind of cell, and every option of the layer."""

import numpy as np

from golden_case import Call, Golden
from minimal_rnn_cell import MinimalRNNCell
from reference import keras

layers = keras.layers

# The rows are padded right, padded left, and with holes.
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]], bool)
# The rows have holes at both ends, nothing valid, and everything valid.
MASK_EXTREME = np.array([[0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)


def floats(seed, shape):
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).round(3).astype(np.float32)


def plain_call():
    return Call(floats(1, (3, 5, 3)))


def mask_call():
    about = "rows padded right, padded left, with holes"
    return Call(floats(1, (3, 5, 3)), "mask", about, MASK)


def standard_calls():
    """Calls with and without mask, with and without initial state, on one batch of three."""
    inputs = floats(1, (3, 5, 3))
    return [
        plain_call(),
        Call(inputs, "init", "initial state", initial_states=True),
        mask_call(),
        Call(
            inputs,
            "mask-init",
            "initial state; rows with holes, all masked, nothing masked",
            MASK_EXTREME,
            initial_states=True,
        ),
    ]


def huge_padding_call():
    inputs = np.where(MASK[..., None], floats(1, (3, 5, 3)), np.float32(3e38)).astype(np.float32)
    about = "masked steps hold 3e38, whose overflow must not leak"
    return Call(inputs, "mask-huge", about, MASK, initial_states=True)


def stack_cells():
    return [
        layers.LSTMCell(3, name="cell_lstm"),
        layers.GRUCell(2, name="cell_gru"),
        layers.SimpleRNNCell(4, name="cell_simple"),
    ]


KINDS = {
    "simple_rnn": lambda **kw: layers.SimpleRNN(4, name="rnn", **kw),
    "lstm": lambda **kw: layers.LSTM(3, name="rnn", **kw),
    "gru": lambda **kw: layers.GRU(3, name="rnn", **kw),
    "gru_reset_before": lambda **kw: layers.GRU(3, reset_after=False, name="rnn", **kw),
    "minimal_rnn": lambda **kw: layers.RNN(MinimalRNNCell(2, name="cell"), name="rnn", **kw),
    "stack": lambda **kw: layers.RNN(stack_cells(), name="rnn", **kw),
}

# Options that every kind is recorded with. {kind}_last has the defaults.
OPTIONS = {
    "last": {},
    "sequence": {"return_sequences": True},
    "sequence_zero": {"return_sequences": True, "zero_output_for_mask": True},
    "backwards_sequence": {"return_sequences": True, "go_backwards": True},
}
# Options that only affect the layer around the cell, so recording them with two kinds is enough.
LAYER_OPTIONS = {
    "last_zero": {"zero_output_for_mask": True},
    "backwards_last": {"go_backwards": True},
    "backwards_sequence_zero": {
        "return_sequences": True,
        "go_backwards": True,
        "zero_output_for_mask": True,
    },
}


def described(kind, options):
    flags = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{kind}: {flags or 'defaults'}"


def kind_goldens():
    for kind, make in KINDS.items():
        options = {**OPTIONS, **(LAYER_OPTIONS if kind in ("lstm", "stack") else {})}
        for option, flags in options.items():
            calls = standard_calls() + ([huge_padding_call()] if option == "sequence" else [])
            deflate = option not in OPTIONS
            about = described(kind, flags)
            yield Golden(f"{kind}_{option}", about, [make(**flags)], calls, deflate=deflate)
    for kind in ("simple_rnn", "lstm", "gru", "gru_reset_before"):
        about = f"{kind}: use_bias=False, so the file holds no bias"
        calls = [plain_call(), mask_call()]
        yield Golden(f"{kind}_no_bias", about, [KINDS[kind](use_bias=False)], calls)


CELL_ACTIVATIONS = {
    "simple_rnn_relu": lambda: layers.SimpleRNN(4, activation="relu", name="rnn"),
    "simple_rnn_softmax": lambda: layers.SimpleRNN(4, activation="softmax", name="rnn"),
    "lstm_relu_hard_sigmoid": lambda: layers.LSTM(
        3, activation="relu", recurrent_activation="hard_sigmoid", name="rnn"
    ),
    "lstm_gelu_softmax": lambda: layers.LSTM(
        3, activation="gelu", recurrent_activation="softmax", name="rnn"
    ),
    "lstm_linear_sparse_sigmoid": lambda: layers.LSTM(
        3, activation=None, recurrent_activation="sparse_sigmoid", name="rnn"
    ),
    "gru_leaky_relu_hard_sigmoid": lambda: layers.GRU(
        3, activation="leaky_relu", recurrent_activation="hard_sigmoid", name="rnn"
    ),
    "gru_reset_before_selu_softsign": lambda: layers.GRU(
        3, activation="selu", recurrent_activation="softsign", reset_after=False, name="rnn"
    ),
}

STACKS = {
    "stack_lstm_lstm": lambda: [
        layers.LSTMCell(3, name="cell_first"),
        layers.LSTMCell(2, name="cell_second"),
    ],
    "stack_minimal_minimal": lambda: [
        MinimalRNNCell(2, name="cell_first"),
        MinimalRNNCell(3, name="cell_second"),
    ],
    "stack_gru_minimal_lstm": lambda: [
        layers.GRUCell(2, reset_after=False, use_bias=False, name="cell_gru"),
        MinimalRNNCell(4, name="cell_minimal"),
        layers.LSTMCell(1, name="cell_lstm"),
    ],
}


def variety_goldens():
    for name, make in CELL_ACTIVATIONS.items():
        calls = [plain_call(), Call(floats(1, (3, 5, 3)), "init", "initial state", None, True)]
        yield Golden(name, f"{name}: activations of the cell", [make()], calls)
    for name, make in STACKS.items():
        layer = layers.RNN(make(), return_sequences=True, name="rnn")
        yield Golden(name, f"{name}: RNN of a list of cells", [layer], standard_calls())
    layer = layers.LSTM(3, return_state=True, return_sequences=True, name="rnn")
    about = "lstm: return_state=True; outputs is the first of the three results"
    yield Golden("lstm_return_state", about, [layer], standard_calls())
    layer = layers.GRU(3, unroll=True, return_sequences=True, name="rnn")
    about = "gru: unroll=True changes nothing"
    yield Golden("gru_unroll", about, [layer], standard_calls(), input_shape=(5, 3))
    layer = layers.SimpleRNN(3, dropout=0.5, recurrent_dropout=0.5, name="rnn")
    about = "simple_rnn: its dropouts do nothing in inference"
    yield Golden("simple_rnn_dropout", about, [layer], [plain_call()])
    calls = [Call(floats(2, (1, 1, 3)), about="one row, one step", initial_states=True)]
    yield Golden("lstm_one_unit", "lstm: one unit", [layers.LSTM(1, name="rnn")], calls)
    calls = [Call(floats(3, (2, 6, 1)), about="one feature", initial_states=True)]
    yield Golden("gru_seven", "gru: 7 units", [layers.GRU(7, name="rnn")], calls, (None, 1))


PAIRS = {
    "lstm": lambda sequence: layers.LSTM(3, return_sequences=sequence, name="rnn"),
    "gru": lambda sequence: layers.GRU(2, return_sequences=sequence, name="rnn"),
    "simple_rnn": lambda sequence: layers.SimpleRNN(4, return_sequences=sequence, name="rnn"),
}


def bidirectional_goldens():
    cells = {"concat": "lstm", "sum": "gru", "mul": "simple_rnn", "ave": "lstm", None: "gru"}
    for mode, cell in cells.items():
        for sequence in (False, True):
            name = f"bidirectional_{mode or 'none'}" + ("_sequence" if sequence else "")
            about = f"Bidirectional of {cell}: merge_mode={mode}, return_sequences={sequence}"
            inner = PAIRS[cell](sequence)
            layer = layers.Bidirectional(inner, merge_mode=mode, name="bidirectional")
            yield Golden(name, about, [layer], standard_calls())
    layer = layers.Bidirectional(
        layers.LSTM(3, return_sequences=True, return_state=True, name="rnn"), name="bidirectional"
    )
    about = "Bidirectional of lstm: return_state=True; outputs is the first of the five results"
    yield Golden("bidirectional_return_state", about, [layer], standard_calls())
    layer = layers.Bidirectional(
        layers.GRU(3, name="rnn_forward"),
        backward_layer=layers.SimpleRNN(2, go_backwards=True, name="rnn_backward"),
        name="bidirectional",
    )
    about = "Bidirectional with a backward_layer of another kind and width"
    yield Golden("bidirectional_own_backward", about, [layer], standard_calls())
    layer = layers.Bidirectional(
        layers.RNN(stack_cells()[:2], return_sequences=True, name="rnn"), name="bidirectional"
    )
    calls = [plain_call(), mask_call()]
    about = "Bidirectional of a stack of an LSTM and a GRU cell"
    yield Golden("bidirectional_stack", about, [layer], calls)


def overflow_golden():
    """Positive weights and no activation, so that the new state of a masked step is infinite."""
    layer = layers.SimpleRNN(4, activation=None, return_sequences=True, name="rnn")
    kernel = np.arange(15, 27, dtype=np.float32).reshape(3, 4) / 10
    weights = [kernel, floats(9, (4, 4)) / 4, floats(10, (4,))]
    about = "simple_rnn: activation=None, all weights of the kernel over 1"
    return Golden("simple_rnn_overflow", about, [layer], [huge_padding_call()], weights=weights)


def goldens():
    yield from kind_goldens()
    yield overflow_golden()
    yield from variety_goldens()
    yield from bidirectional_goldens()
