# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goldens of whole Sequential models, and of unusual but legal model files."""

import numpy as np

from golden_case import Call, Golden
from layer_goldens import IDS
from minimal_rnn_cell import MinimalRNNCell
from recurrent_goldens import MASK, floats, plain_call, stack_cells, standard_calls
from reference import keras, run

layers = keras.layers


def token_model():
    """Nine layers of almost every kind."""
    chain = [
        layers.Embedding(9, 4, mask_zero=True, name="embedding"),
        layers.Dropout(0.2, name="dropout"),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="rnn"), name="pair"),
        layers.LayerNormalization(name="norm"),
        layers.GRU(5, return_sequences=True, name="gru"),
        layers.TimeDistributed(layers.Dense(4, activation="relu", name="inner"), name="each"),
        layers.SimpleRNN(6, zero_output_for_mask=True, name="simple"),
        layers.Dense(7, activation="tanh", name="dense"),
        layers.Softmax(name="softmax"),
    ]
    calls = [Call(IDS), Call(IDS, "init", "initial state", initial_states=True)]
    about = "nine layers from token ids to probabilities"
    return Golden("model_tokens", about, chain, calls, (None,), dtype="int32", deflate=False)


def classifier_model():
    inputs = np.where(MASK[..., None], floats(6, (3, 5, 3)), 0.0).astype(np.float32)
    chain = [
        layers.Masking(0.0, name="masking"),
        layers.RNN(stack_cells(), return_sequences=True, name="stack"),
        layers.LayerNormalization(name="norm"),
        layers.LSTM(7, name="lstm"),
        layers.Dense(4, activation="softmax", name="dense"),
    ]
    calls = [Call(inputs), Call(inputs, "init", "initial state", initial_states=True)]
    return Golden("model_classifier", "Masking, stack, norm, LSTM, softmax", chain, calls)


def forecaster_model():
    chain = [
        layers.Dense(4, activation="tanh", name="entry"),
        layers.GRU(5, return_sequences=True, name="gru_1"),
        layers.GRU(3, return_sequences=True, reset_after=False, name="gru_2"),
        layers.Dropout(0.2, name="dropout"),
        layers.TimeDistributed(layers.Dense(1, name="inner"), name="forecasts"),
    ]
    about = "Dense, GRU, GRU, Dropout, TimeDistributed(Dense): one output per step"
    return Golden("model_forecaster", about, chain, standard_calls())


def custom_cell_model():
    chain = [
        layers.RNN(MinimalRNNCell(3, name="cell"), return_sequences=True, name="minimal"),
        layers.Activation("relu", name="activation"),
        layers.LSTM(4, return_sequences=True, zero_output_for_mask=True, name="lstm"),
        layers.Dense(2, name="dense"),
    ]
    about = "RNN(MinimalRNNCell), relu, LSTM, Dense"
    return Golden("model_custom_cell", about, chain, standard_calls())


def repeated_layers_model():
    """Three LSTM layers, called lstm, lstm_1, lstm_2 in the weight file whatever their names."""
    chain = [
        layers.LSTM(3, return_sequences=True, name="zulu"),
        layers.LSTM(4, return_sequences=True, name="alpha"),
        layers.LSTM(2, name="mike"),
        layers.Dense(3, name="dense"),
    ]
    about = "three LSTM layers whose names are not in alphabetical order"
    return Golden("model_three_lstm", about, chain, standard_calls())


def stateful_golden():
    """The second call starts where the first one ended, as in a session of the server."""
    layer = layers.LSTM(3, stateful=True, return_sequences=True, name="rnn")
    first, second = floats(7, (2, 4, 3)), floats(8, (2, 5, 3))
    about = "lstm: stateful=True, batch of two"
    golden = Golden("quirk_stateful", about, [layer], [Call(first)], batch_size=2, deflate=False)
    model = golden.build()
    states = run(model, first)[1]
    layer.reset_state()
    model(first)
    expected = np.asarray(model(second))
    about = "the second call of a stateful model: its initial state is the first one's final state"
    golden.calls.append(Call(second, "second", about, None, states, expected))
    golden.layers = [layers.LSTM(3, stateful=True, return_sequences=True, name="rnn")]
    return golden


def deflate_golden():
    chain = [layers.GRU(3, name="rnn"), layers.Dense(2, name="dense")]
    about = "a model file that a zip tool packed again with DEFLATE"
    return Golden("quirk_deflate", about, chain, [plain_call()])


def goldens():
    yield token_model()
    yield classifier_model()
    yield forecaster_model()
    yield custom_cell_model()
    yield repeated_layers_model()
    yield stateful_golden()
    yield deflate_golden()


def unsupported():
    """Yields (model, offending class) of files that Keras writes and the importer must refuse."""
    inputs = keras.Input((None, 4), name="inputs")
    outputs = layers.MultiHeadAttention(1, 2, name="offender")(inputs, inputs)
    yield keras.Model(inputs, outputs, name="functional_attention"), "MultiHeadAttention"
    offenders = {
        "activation_glu": (layers.Activation("glu", name="offender"), "glu"),
        "lambda": (layers.Lambda(lambda x: x * 2.0, name="offender"), "Lambda"),
        "unknown_cell": (layers.RNN(DecayCell(3, name="cell"), True, name="offender"), "DecayCell"),
        "script_cell": (layers.RNN(script_class("MinimalRNNCell", TanhCell)(3, name="cell"), True,
                                   name="offender"), "__main__>MinimalRNNCell"),
        "script_layer": (script_class("Dense", layers.Dense)(3, name="offender"),
                         "__main__>Dense"),
    }
    for name, (layer, class_name) in offenders.items():
        inputs = keras.Input((None, 4), name="inputs")
        yield keras.Sequential([inputs, layer, layers.LSTM(3, name="rnn")], name=name), class_name


@keras.saving.register_keras_serializable(package="golden", name="DecayCell")
class DecayCell(MinimalRNNCell):
    """A custom cell that the server does not know."""


class TanhCell(MinimalRNNCell):
    """A cell that computes something other than its base class does."""

    def call(self, inputs, states):
        output = keras.ops.tanh(super().call(inputs, states)[0])
        return output, [output]


def script_class(name, base):
    """Returns an unregistered class with the name of a class that the server knows, as if it were
    defined in the script that saves the model."""
    return type(name, (base,), {"__module__": "__main__"})
