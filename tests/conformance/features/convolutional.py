# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers whose products are convolutions."""

from feature import STREAMING, WHOLE, Floats, Sample, feature
from reference import keras

layers = keras.layers

FAMILY = "Convolutional recurrent layers"
OPTIONS = [
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "dilation_rate",
    "activation",
    "recurrent_activation",
    "use_bias",
    "return_sequences",
    "go_backwards",
    "mask",
    "initial_state",
]


def _conv_lstm(random, layer, rank):
    padding = random.choice(["valid", "same"])
    kernel = tuple(random.integer(1, 3 if rank < 3 else 2) for _ in range(rank))
    dilation, strides = (1,) * rank, (1,) * rank
    if random.chance(0.2):
        dilation = tuple(random.integer(1, 2) for _ in range(rank))
    elif random.chance(0.3):
        strides = tuple(random.integer(1, 2) for _ in range(rank))
    smallest = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    space = tuple(n + random.integer(0, 3 if rank < 3 else 1) for n in smallest)
    channels = random.integer(1, 4)
    built = layer(
        filters=random.integer(1, 5),
        kernel_size=kernel,
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        activation=random.choice(["tanh", "tanh", "relu"]),
        recurrent_activation=random.choice(["sigmoid", "sigmoid", "hard_sigmoid"]),
        use_bias=random.chance(0.8),
        return_sequences=random.chance(0.6),
        go_backwards=random.chance(0.2),
    )
    shape = (*space, channels)
    model = random.sequential([built], (None, *shape))
    kinds = WHOLE if built.go_backwards else STREAMING
    return Sample(model, [Floats((None, *shape))], time_limits=(1, 4), kinds=kinds)


@feature("conv_lstm_1d", "ConvLSTM1D", FAMILY, about="over one axis of space", options=OPTIONS)
def conv_lstm_1d(random):
    return _conv_lstm(random, layers.ConvLSTM1D, 1)


@feature("conv_lstm_2d", "ConvLSTM2D", FAMILY, about="over two axes of space", options=OPTIONS)
def conv_lstm_2d(random):
    return _conv_lstm(random, layers.ConvLSTM2D, 2)


@feature("conv_lstm_3d", "ConvLSTM3D", FAMILY, about="over three axes of space", options=OPTIONS)
def conv_lstm_3d(random):
    return _conv_lstm(random, layers.ConvLSTM3D, 3)
