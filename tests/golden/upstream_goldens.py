# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens with the constants of Keras' own unit tests. The numbers below are copied from there.

All weights are constants, so every unit has the same value: one number for each row (and step).
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
    """Returns [rows, units] or [rows, steps, units] from one value for all units."""
    return np.repeat(np.array(values, np.float32)[..., None], units, axis=-1)


def golden(name, layer, *calls, shape=(None, 4)):
    about = "a unit test of Keras itself"
    name = f"upstream_{name}"
    return Golden(name, about, [layer], list(calls), shape, keep_weights=True)


def unmasked_goldens():
    inputs = counting(3, 6, 4)

    def lstm(**options):
        return layers.LSTM(3, name="rnn", **CONSTANTS, **options)

    def gru(**options):
        return layers.GRU(3, name="rnn", **CONSTANTS, **options)

    published = {
        "lstm": (lstm(), 0.6288687, 0.86899155, 0.9460773),
        "lstm_backwards": (lstm(go_backwards=True), 0.35622165, 0.74789524, 0.8872726),
        "lstm_no_bias": (lstm(use_bias=False), 0.54986924, 0.86226785, 0.9443936),
        "gru_no_bias": (gru(use_bias=False), 0.49988455, 0.64701194, 0.4103359),
        "lstm_no_forget_bias": (lstm(unit_forget_bias=False), 0.57019705, 0.8661914, 0.9459622),
        "gru": (gru(), 0.5217289, 0.6371659, 0.39384964),
        "gru_backwards": (gru(go_backwards=True), 0.24406259, 0.611516, 0.3928808),
        "gru_reset_before": (gru(reset_after=False), 0.51447755, 0.6426879, 0.40208298),
    }
    for name, (layer, *each_row) in published.items():
        yield golden(name, layer, Call(inputs, expected=rows(3, *each_row)))


def simple_goldens():
    x24 = counting(2, 3, 4)
    simple = layers.SimpleRNN(4, name="rnn", **CONSTANTS)
    yield golden("simple_rnn", simple, Call(x24, expected=rows(4, 0.405432, 0.73605347)))
    simple = layers.SimpleRNN(4, go_backwards=True, name="rnn", **CONSTANTS)
    expected = rows(4, 0.11144729, 0.5528889)
    yield golden("simple_rnn_backwards", simple, Call(x24, expected=expected))


def continued_goldens():
    """Two calls of a stateful layer with the same input equal one call with the input twice."""
    twice = np.concatenate([counting(2, 3, 4)] * 2, axis=1)
    for name, layer, expected in [
        ("simple_rnn", layers.SimpleRNN, (0.40559256, 0.7361247)),
        ("lstm", layers.LSTM, (0.3124785, 0.6863672)),
        ("gru", layers.GRU, (0.29542392, 0.5885018)),
    ]:
        call = Call(twice, expected=rows(4, *expected))
        yield golden(f"{name}_continued", layer(4, name="rnn", **CONSTANTS), call)


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
    lstm = layers.LSTM(
        2, return_sequences=True, zero_output_for_mask=True, name="rnn", **CONSTANTS
    )
    expected = rows(2, [0.0158891, 0.05552048, 0.11755939, 0], [0.14185596, 0.28556206, 0, 0])
    call = Call(x24, "", "", padded, False, expected)
    yield golden("lstm_zero_output", lstm, call, shape=(None, 3))
    left = np.array([[0, 1, 1, 1], [0, 0, 1, 1]], bool)
    lstm = layers.LSTM(2, go_backwards=True, name="rnn", **CONSTANTS)
    call = Call(x24, "", "", left, False, rows(2, 0.15341201, 0.3844719))
    yield golden("lstm_backwards_masked", lstm, call, shape=(None, 3))
    gru = layers.GRU(2, go_backwards=True, name="rnn", **CONSTANTS)
    call = Call(x24, "", "", holes, False, rows(2, 0.11669192, 0.28380975))
    yield golden("gru_backwards_masked", gru, call, shape=(None, 3))


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
    lstm = layers.LSTM(2, go_backwards=True, name="rnn", **CONSTANTS)
    expected = np.array([[0.13281618, 0.2790356], [0.5839337, 0.5992567]], np.float32)
    call = Call(x24, "", "", None, {"rnn": [state, state]}, expected)
    yield golden("lstm_backwards_initial_state", lstm, call, shape=(None, 3))
    gru = layers.GRU(2, go_backwards=True, name="rnn", **CONSTANTS)
    expected = np.array([[0.13486053, 0.23261218], [0.78257304, 0.9691353]], np.float32)
    call = Call(x24, "", "", None, {"rnn": [state]}, expected)
    yield golden("gru_backwards_initial_state", gru, call, shape=(None, 3))
    for name, backwards, expected in [
        ("simple_rnn_initial_state", False, (0.33621645, 0.6262637)),
        ("simple_rnn_backwards_initial_state", True, (0.07344437, 0.43043602)),
    ]:
        simple = layers.SimpleRNN(4, go_backwards=backwards, name="rnn", **CONSTANTS)
        states = {"rnn": [counting(2, 4)]}
        call = Call(x24, "", "", None, states, rows(4, *expected))
        yield golden(name, simple, call, shape=(None, 3))


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
    simple = layers.SimpleRNN(2, name="rnn", **CONSTANTS)
    layer = layers.Bidirectional(simple, merge_mode="ave", name="bidirectional")
    call = Call(counting(2, 3, 4), expected=rows(2, 0.24845785, 0.6288199))
    yield golden("bidirectional_ave", layer, call)
    gru = layers.GRU(2, return_sequences=True, name="rnn", **CONSTANTS)
    layer = layers.Bidirectional(gru, merge_mode="sum", name="bidirectional")
    sums = [[0.20937867, 0.34462988, 0.40290534], [0.59829646, 0.6734641, 0.6479671]]
    yield golden("bidirectional_sum", layer, Call(counting(2, 3, 4), expected=rows(2, *sums)))
    yield bidirectional_states_golden()


def bidirectional_states_golden():
    lstm = layers.LSTM(2, return_state=True, name="rnn", **CONSTANTS)
    layer = layers.Bidirectional(lstm, name="bidirectional")
    h_forward, h_backward = rows(2, 0.1990008, 0.52335435), rows(2, 0.12659755, 0.44717982)
    c_forward, c_backward = rows(2, 0.35567185, 1.0492687), rows(2, 0.2501858, 0.941473)
    states = {"bidirectional": [h_forward, c_forward, h_backward, c_backward]}
    expected = np.concatenate([h_forward, h_backward], axis=1)
    call = Call(counting(2, 4, 3), expected=expected, expected_states=states)
    return golden("bidirectional_states", layer, call, shape=(None, 3))


def stack_goldens():
    """Cells with h' = x 1 + h 1, with three and with two units."""
    x24 = counting(2, 3, 4)

    def stack(**options):
        ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "use_bias": False}
        cells = [
            layers.SimpleRNNCell(units, activation=None, name=f"cell_{units}", **ones)
            for units in (3, 2)
        ]
        return layers.RNN(cells, name="rnn", **options)

    last = rows(2, 786, 4386)
    call = Call(x24, expected=last, expected_states={"rnn": [rows(3, 158, 782), last]})
    yield golden("stack", stack(), call)
    steps = rows(2, [18, 156, 786], [162, 1020, 4386])
    yield golden("stack_sequence", stack(return_sequences=True), Call(x24, expected=steps))
    twice = np.concatenate([x24, x24], axis=1)
    yield golden("stack_continued", stack(), Call(twice, expected=rows(2, 34092, 173196)))


def conv_lstm_goldens():
    x120, x480 = counting(2, 3, 4, 5) / 10, counting(2, 3, 4, 4, 5) / 100
    layer = layers.ConvLSTM1D(2, 3, name="rnn", **CONSTANTS)
    places = rows(2, [0.40807986, 0.46421072], [0.80933154, 0.8233646])
    yield golden("conv_lstm_1d", layer, Call(x120, expected=places), shape=(None, 4, 5))
    layer = layers.ConvLSTM2D(2, 3, name="rnn", **CONSTANTS)
    places = rows(
        2,
        [[0.48694518, 0.50237733], [0.5461202, 0.5598283]],
        [[0.8661607, 0.86909103], [0.8774414, 0.8800861]],
    )
    yield golden("conv_lstm_2d", layer, Call(x480, expected=places), shape=(None, 4, 4, 5))


def goldens():
    yield from unmasked_goldens()
    yield from simple_goldens()
    yield from masked_goldens()
    yield from initial_state_goldens()
    yield from bidirectional_goldens()
    yield from continued_goldens()
    yield from stack_goldens()
    yield from conv_lstm_goldens()
