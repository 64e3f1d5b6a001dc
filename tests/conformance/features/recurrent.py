# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers with one cell, with stacks of cells, and with custom cells."""

from adaptive_leaky_cell import RNN, AdaptiveLeakyCell
from feature import STREAMING, WHOLE, Deviation, Floats, Sample, feature
from minimal_rnn_cell import MinimalRNNCell
from reference import keras

layers = keras.layers

FAMILY = "Recurrent layers"
GATES = ("sigmoid", "hard_sigmoid", "sigmoid", "tanh")


def layer_options(random):
    """Chooses options of the layer around a cell that do not depend on the rest of the model."""
    options = {"return_sequences": random.chance(0.6)}
    if random.chance(0.2):
        options["go_backwards"] = True
    if random.chance(0.3):
        options["zero_output_for_mask"] = True
    return options


def cell_options(random):
    return {} if random.chance(0.8) else {"use_bias": False}


def one_layer(random, layer):
    """Makes a Sequential model of one recurrent layer."""
    features = random.size()
    kinds = WHOLE if layer.go_backwards else STREAMING
    return Sample.of_frames(random, [layer], features, kinds=kinds)


@feature(
    "simple_rnn",
    "SimpleRNN",
    FAMILY,
    about="SimpleRNN with the options of its cell and of the layer",
    options=["activation", "use_bias", "return_sequences", "go_backwards", "zero_output_for_mask"],
    weight=2,
)
def simple_rnn(random):
    activation = random.choice(["tanh", "tanh", "relu", None, "softsign"])
    layer = layers.SimpleRNN(
        random.size(), activation=activation, **cell_options(random), **layer_options(random)
    )
    return one_layer(random, layer)


@feature(
    "lstm",
    "LSTM",
    FAMILY,
    about="LSTM with the options of its cell and of the layer; states h, c",
    options=[
        "activation",
        "recurrent_activation",
        "use_bias",
        "unit_forget_bias",
        "return_sequences",
        "go_backwards",
        "zero_output_for_mask",
    ],
    weight=3,
)
def lstm(random):
    layer = layers.LSTM(
        random.size(),
        activation=random.choice(["tanh", "tanh", "relu", "softsign"]),
        recurrent_activation=random.choice(GATES),
        unit_forget_bias=random.chance(),
        **cell_options(random),
        **layer_options(random),
    )
    return one_layer(random, layer)


@feature(
    "gru",
    "GRU",
    FAMILY,
    about="GRU with reset_after=True, the default: the reset gate acts after the product",
    options=["activation", "recurrent_activation", "use_bias", "reset_after=True"],
    weight=3,
)
def gru(random):
    return one_layer(random, _gru_layer(random, reset_after=True))


@feature(
    "gru_reset_before",
    "GRU, reset_after=False",
    FAMILY,
    about="GRU with reset_after=False: the reset gate acts on the state before the product",
    options=["activation", "recurrent_activation", "use_bias", "reset_after=False"],
    weight=2,
)
def gru_reset_before(random):
    return one_layer(random, _gru_layer(random, reset_after=False))


def _gru_layer(random, reset_after):
    return layers.GRU(
        random.size(),
        activation=random.choice(["tanh", "tanh", "relu", "softsign"]),
        recurrent_activation=random.choice(GATES),
        reset_after=reset_after,
        **cell_options(random),
        **layer_options(random),
    )


def random_cell(random, with_custom=True):
    kinds = ["simple", "lstm", "gru", "gru_before", *(["minimal"] if with_custom else [])]
    kind = random.choice(kinds)
    units = random.size(large=0.02)
    if kind == "simple":
        return layers.SimpleRNNCell(units, **cell_options(random))
    if kind == "lstm":
        return layers.LSTMCell(units, **cell_options(random))
    if kind == "minimal":
        return MinimalRNNCell(units)
    return layers.GRUCell(units, reset_after=kind == "gru", **cell_options(random))


@feature(
    "stacked_cells",
    "RNN of a list of cells (StackedRNNCells)",
    FAMILY,
    about="two to four cells of any kind in one RNN layer; states 0/h, 0/c, 1/h, ... in the order "
    "of the cells",
    options=["RNN([cell, ...])", "StackedRNNCells", "nested states"],
    weight=3,
)
def stacked_cells(random):
    cells = [random_cell(random) for _ in range(random.integer(2, 4))]
    if random.chance(0.3):
        cells = layers.StackedRNNCells(cells)
    return one_layer(random, layers.RNN(cells, **layer_options(random)))


@feature(
    "rnn_of_cell",
    "RNN of one cell",
    FAMILY,
    about="RNN(cell) of each built-in cell, which Keras saves differently from the cell's own "
    "layer",
    options=["RNN(SimpleRNNCell)", "RNN(LSTMCell)", "RNN(GRUCell)"],
)
def rnn_of_cell(random):
    return one_layer(random, layers.RNN(random_cell(random, False), **layer_options(random)))


@feature(
    "custom_cell",
    "RNN of a custom cell",
    FAMILY,
    about="the MinimalRNNCell of the Keras documentation, found by its registered name",
    options=["RNN(MinimalRNNCell)", "registered names"],
)
def custom_cell(random):
    return one_layer(random, layers.RNN(MinimalRNNCell(random.size()), **layer_options(random)))


@feature(
    "cell_plugin",
    "RNN of a plug-in cell, with constants",
    FAMILY,
    about="two states, neither of which is the output and one of which does not begin with zeros, "
    "and a constant: the example of [Cells of your own](core/cells/CUSTOM_CELLS.md)",
    options=["--cell-plugin", "constants", "get_initial_state", "output_size"],
    deviations=[
        Deviation(
            "Constants reach the cell.",
            "The documentation of keras.layers.RNN promises this, but Keras 3 does not do it. The "
            "reference here is a subclass that does.",
        )
    ],
)
def cell_plugin(random):
    features, units = random.size(), random.size()
    frames, gain = keras.Input((None, features)), keras.Input((units,))
    cell = AdaptiveLeakyCell(
        units,
        leak=random.choice([0.9, 0.5]),
        decay=random.choice([0.97, 0.6]),
        strength=random.choice([1.8, 0.3]),
        threshold=random.choice([0.5, -0.25]),
    )
    layer = RNN(cell, **layer_options(random))
    if random.chance(0.3):
        value = layer(frames, constants=[gain], mask=layers.Masking(0.5).compute_mask(frames))
    else:
        value = layer(frames, constants=[gain])
    model = random.functional([frames, gain], value)
    return Sample(model, [Floats((None, features), mask_value=0.5), Floats((units,))])
