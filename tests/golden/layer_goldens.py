# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens of the layers without state, and of their handling of masks."""

import numpy as np

from golden_case import Call, Golden
from recurrent_goldens import MASK, floats, mask_call, plain_call
from reference import keras

layers = keras.layers

# Every name in keras.activations except glu, which halves its input.
ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu",
    "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink",
)  # fmt: skip

# The inputs contain every corner of the piecewise functions, points on both sides of it, and both
# tails.
ACTIVATION_INPUTS = np.array(
    [
        [-40, -9, -4, -3, -2.99, -1.5, -1, -0.99],
        [-0.51, -0.5, -0.49, -0.3, -0.001, 0, 0.001, 0.3],
        [0.49, 0.5, 0.51, 0.7, 0.99, 1, 1.01, 2.6],
        [2.99, 3, 5.99, 6, 6.01, 9, 19, 40],
    ],
    np.float32,
)[None]


def activation_goldens():
    for name in ACTIVATIONS:
        calls = [Call(ACTIVATION_INPUTS)]
        layer = layers.Activation(name, name="activation")
        about = f"Activation('{name}')"
        yield Golden(f"activation_{name}", about, [layer], calls, (None, 8))


NORMS = {
    "layer_norm": {},
    "layer_norm_epsilon": {"epsilon": 1e-5},
    "layer_norm_no_center": {"center": False},
    "layer_norm_no_scale": {"scale": False},
    "layer_norm_plain": {"center": False, "scale": False},
    "layer_norm_rms": {"rms_scaling": True},
}


def norm_goldens():
    for name, options in NORMS.items():
        inputs = floats(4, (2, 3, 8))
        inputs[0, 1] *= 0.01  # With so little variance epsilon dominates.
        inputs[1, 1] *= 1000.0
        layer = layers.LayerNormalization(name="norm", **options)
        about = f"LayerNormalization({options or 'defaults'})"
        yield Golden(name, about, [layer], [Call(inputs)], (None, 8))
    chain = [layers.UnitNormalization(name="norm"), layers.GRU(2, name="rnn")]
    about = "UnitNormalization, which passes the mask on"
    yield Golden("unit_norm", about, chain, [plain_call(), mask_call()])


def dense_goldens():
    dense = layers.Dense(4, activation="relu", name="dense")
    yield Golden("dense_relu", "Dense on the last axis", [dense], [plain_call()])
    dense = layers.Dense(2, use_bias=False, name="dense")
    yield Golden("dense_no_bias", "Dense without bias", [dense], [plain_call()])
    chain = [layers.Dense(5, name="dense"), layers.Softmax(name="softmax")]
    yield Golden("dense_softmax", "Dense, Softmax on the last axis", chain, [plain_call()])
    chain = [layers.Dropout(0.5, name="dropout"), layers.SimpleRNN(2, name="rnn")]
    yield Golden("dropout", "Dropout does nothing in inference", chain, [plain_call(), mask_call()])
    inner = layers.Dense(4, activation="tanh", name="dense")
    chain = [layers.TimeDistributed(inner, name="distributed")]
    yield Golden("time_distributed_dense", "TimeDistributed(Dense)", chain, [plain_call()])
    inner = layers.LayerNormalization(name="norm")
    chain = [layers.TimeDistributed(inner, name="distributed"), layers.GRU(2, name="rnn")]
    about = "TimeDistributed(LayerNormalization), which passes the mask on"
    yield Golden("time_distributed_norm", about, chain, [plain_call(), mask_call()])


def masking_goldens():
    value = np.float32(-1.5)
    inputs = np.where(MASK[..., None], floats(5, (3, 5, 3)), value).astype(np.float32)
    inputs[0, 0, 1] = value  # One feature alone does not mask a step.
    masked_elsewhere = Call(
        inputs, "mask", "Masking replaces the mask that was given", ~MASK, initial_states=True
    )
    masking = layers.Masking(-1.5, name="masking")
    yield Golden("masking", "Masking zeroes the masked steps", [masking], [Call(inputs)])
    chain = [
        layers.Masking(-1.5, name="masking"),
        layers.Dropout(0.3, name="dropout"),
        layers.LSTM(3, name="rnn"),
    ]
    about = "Masking, Dropout, LSTM: the mask passes the Dropout"
    yield Golden("masking_lstm", about, chain, [Call(inputs), masked_elsewhere])
    chain = [
        layers.Masking(-1.5, name="masking"),
        layers.GRU(3, return_sequences=True, name="rnn"),
        layers.Dense(2, name="dense"),
    ]
    about = "Masking, GRU, Dense: Dense does not zero the masked steps"
    yield Golden("masking_gru_dense", about, chain, [Call(inputs), masked_elsewhere])


IDS = np.array([[3, 1, 8, 0, 0], [0, 0, 2, 7, 7], [5, 0, 4, 0, 6]], np.int32)


def embedding(mask_zero, width=4):
    return layers.Embedding(9, width, mask_zero=mask_zero, name="embedding")


def token_golden(name, about, chain):
    calls = [
        Call(IDS),
        Call(IDS, "init", "initial state", initial_states=True),
        Call(IDS, "mask", "with a mask from the caller", MASK[::-1].copy()),
    ]
    return Golden(name, about, chain, calls, (None,), dtype="int32")


def embedding_goldens():
    yield token_golden(
        "embedding_lstm_lstm",
        "Embedding(mask_zero), LSTM, LSTM: the mask reaches both",
        [
            embedding(True),
            layers.LSTM(3, return_sequences=True, name="rnn_1"),
            layers.LSTM(2, name="rnn_2"),
        ],
    )
    yield token_golden(
        "embedding_no_mask_gru",
        "Embedding without mask_zero masks nothing, and drops a given mask",
        [embedding(False), layers.GRU(3, name="rnn")],
    )
    yield token_golden(
        "embedding_backwards_rnn",
        "Embedding(mask_zero), SimpleRNN(go_backwards), SimpleRNN: the second one gets the mask "
        "in the order of the input although the sequence is reversed",
        [
            embedding(True),
            layers.SimpleRNN(3, return_sequences=True, go_backwards=True, name="rnn_1"),
            layers.SimpleRNN(2, name="rnn_2"),
        ],
    )
    inner = layers.SimpleRNN(3, return_sequences=True, name="rnn")
    yield token_golden(
        "embedding_bidirectional",
        "Embedding(mask_zero), Bidirectional(SimpleRNN): zeros at masked steps",
        [embedding(True), layers.Bidirectional(inner, name="bidirectional")],
    )


def goldens():
    yield from activation_goldens()
    yield from norm_goldens()
    yield from dense_goldens()
    yield from masking_goldens()
    yield from embedding_goldens()
