# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens with the constants of Keras' own unit tests: the numbers below are theirs, not ours.

All weights are constants, so every unit has the same value: one number a row (and a step).
"""

import numpy as np

from golden_case import Call, Golden
from reference import keras

layers = keras.layers

CONSTANTS = {
    "kernel_initializer": keras.initializers.Constant(0.01),
    "recurrent_initializer": keras.initializers.Constant(0.02),
    "bias_initializer": keras.initializers.Constant(0.03),
}


def counting(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def rows(units, *values):
    """[rows, units] or [rows, steps, units] from one value for all units."""
    return np.repeat(np.array(values, np.float32)[..., None], units, axis=-1)


def golden(name, layer, *calls, shape=(None, 4)):
    about = "a unit test of Keras itself"
    name = f"upstream_{name}"
    return Golden(name, about, [layer], list(calls), shape, keep_weights=True)


def unmasked_goldens():
    x72, x24 = counting(3, 6, 4), counting(2, 3, 4)

    def lstm(**options):
        return layers.LSTM(3, name="rnn", **CONSTANTS, **options)

    def gru(**options):
        return layers.GRU(3, name="rnn", **CONSTANTS, **options)

    def simple(**options):
        return layers.SimpleRNN(4, name="rnn", **CONSTANTS, **options)

    yield golden("lstm", lstm(), Call(x72, expected=rows(3, 0.6288687, 0.86899155, 0.9460773)))
    yield golden(
        "lstm_backwards",
        lstm(go_backwards=True),
        Call(x72, expected=rows(3, 0.35622165, 0.74789524, 0.8872726)),
    )
    yield golden(
        "lstm_no_forget_bias",
        lstm(unit_forget_bias=False),
        Call(x72, expected=rows(3, 0.57019705, 0.8661914, 0.9459622)),
    )
    yield golden("gru", gru(), Call(x72, expected=rows(3, 0.5217289, 0.6371659, 0.39384964)))
    yield golden(
        "gru_backwards",
        gru(go_backwards=True),
        Call(x72, expected=rows(3, 0.24406259, 0.611516, 0.3928808)),
    )
    yield golden(
        "gru_reset_before",
        gru(reset_after=False),
        Call(x72, expected=rows(3, 0.51447755, 0.6426879, 0.40208298)),
    )
    yield golden("simple_rnn", simple(), Call(x24, expected=rows(4, 0.405432, 0.73605347)))
    yield golden(
        "simple_rnn_backwards",
        simple(go_backwards=True),
        Call(x24, expected=rows(4, 0.11144729, 0.5528889)),
    )


def masked_goldens():
    x24 = counting(2, 4, 3)
    holes = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    padded = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    lstm = layers.LSTM(2, return_sequences=True, name="rnn", **CONSTANTS)
    expected = rows(
        2,
        [0.0158891, 0.05552048, 0.11755939, 0.11755939],
        [0.14185596, 0.28556206, 0.28556206, 0.28556206],
    )
    yield golden("lstm_masked", lstm, Call(x24, "", "", padded, False, expected), shape=(None, 3))
    gru = layers.GRU(2, return_sequences=True, name="rnn", **CONSTANTS)
    expected = rows(
        2,
        [0.03606692, 0.09497581, 0.09497581, 0.19393763],
        [0.16051409, 0.16051409, 0.16051409, 0.30818558],
    )
    yield golden("gru_masked", gru, Call(x24, "", "", holes, False, expected), shape=(None, 3))
    simple = layers.SimpleRNN(2, return_sequences=True, name="rnn", **CONSTANTS)
    expected = rows(
        2,
        [0.0599281, 0.15122814, 0.15122814, 0.32394567],
        [0.3969304, 0.3969304, 0.3969304, 0.608085],
    )
    call = Call(x24, "", "", holes, False, expected)
    yield golden("simple_rnn_masked", simple, call, shape=(None, 3))


def initial_state_goldens():
    x24 = counting(2, 4, 3)
    state = np.array([[0, 1], [2, 3]], np.float32)
    lstm = layers.LSTM(2, name="rnn", **CONSTANTS)
    expected = np.array([[0.20574439, 0.3558822], [0.64930826, 0.66276]], np.float32)
    call = Call(x24, "", "", None, {"rnn": [state, state]}, expected)
    yield golden("lstm_initial_state", lstm, call, shape=(None, 3))
    gru = layers.GRU(2, name="rnn", **CONSTANTS)
    expected = np.array([[0.23774096, 0.33508456], [0.83659905, 1.0227708]], np.float32)
    call = Call(x24, "", "", None, {"rnn": [state]}, expected)
    yield golden("gru_initial_state", gru, call, shape=(None, 3))


def bidirectional_goldens():
    simple = layers.SimpleRNN(2, name="rnn", **CONSTANTS)
    halves = [[0.39687276, 0.10004295], [0.7237238, 0.53391594]]
    expected = np.repeat(np.array(halves, np.float32), 2, axis=1)
    layer = layers.Bidirectional(simple, name="bidirectional")
    yield golden("bidirectional", layer, Call(counting(2, 3, 4), expected=expected))
    gru = layers.GRU(2, name="rnn", **CONSTANTS)
    holes = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    halves = [[0.19393763, 0.11669192], [0.30818558, 0.28380975]]
    expected = np.repeat(np.array(halves, np.float32), 2, axis=1)
    layer = layers.Bidirectional(gru, name="bidirectional")
    call = Call(counting(2, 4, 3), "", "", holes, False, expected)
    yield golden("bidirectional_masked", layer, call, shape=(None, 3))


def goldens():
    yield from unmasked_goldens()
    yield from masked_goldens()
    yield from initial_state_goldens()
    yield from bidirectional_goldens()
