# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls with training=True, whose random results are compared by their statistics."""

from feature import TRAINING, Deviation, Sample, Tolerance, feature
from features.recurrent_options import any_layer
from reference import keras
from samples import SAMPLES, STANDARD_ERRORS

layers = keras.layers

FAMILY = "training=True"

STATISTICAL = Tolerance(
    1e-5,
    0.0,
    f"The results are random, so the means and standard deviations over {SAMPLES} samples of a row "
    "from each side are compared.",
    STANDARD_ERRORS,
)
DEVIATIONS = [
    Deviation(
        "The random numbers are not those of Keras.",
        "They come from the seed of the request and the number of the row alone, so a request "
        "gives the same bits again on any server and in any batch.",
    ),
    Deviation(
        "training is a field of Infer; a Step refuses it.",
        "Keras draws the dropout masks anew in every call, and has no rule for a sequence that "
        "comes in several calls.",
    ),
]


def _rates(random):
    rates = (0.1, 0.3, 0.5)
    options = {"dropout": random.choice((0.0, *rates))}
    options["recurrent_dropout"] = random.choice((0.0, *rates) if options["dropout"] else rates)
    return options


def _dropped(random, **options):
    """Makes a recurrent layer with dropout."""
    units = random.small_size()
    options |= _rates(random)
    kind = random.choice(["simple", "lstm", "gru", "stack"])
    if kind == "gru":
        return layers.GRU(units, reset_after=random.chance(), **options)
    if kind != "stack":
        return {"simple": layers.SimpleRNN, "lstm": layers.LSTM}[kind](units, **options)
    cells = [layers.LSTMCell(units, **_rates(random)), layers.GRUCell(units, **_rates(random))]
    sequence = options.get("return_sequences", False)
    return layers.RNN(random.sample(cells, 2), return_sequences=sequence)


def _sample(random, chain):
    features = random.small_size()
    if random.chance(0.3):
        chain = [layers.Masking(0.0), *chain]
    options = {"time_limits": (1, 4), "kinds": (TRAINING,), "takes_state": False}
    return Sample.of_frames(random, chain, features, mask_value=0.0, **options)


@feature(
    "training_dropout",
    "dropout and recurrent_dropout of cells",
    FAMILY,
    about="one mask for each row and sequence, the same at each timestep, scaled by 1 / (1 - rate)",
    options=["training", "seed", "dropout", "recurrent_dropout", "Bidirectional"],
    deviations=DEVIATIONS,
    tolerance=STATISTICAL,
)
def training_dropout(random):
    chain = [_dropped(random, return_sequences=random.chance())]
    if random.chance(0.3):
        chain = [layers.Bidirectional(chain[0], merge_mode=random.choice(["concat", "sum"]))]
    return _sample(random, chain)


@feature(
    "training_noise",
    "Dropout, SpatialDropout1D, GaussianDropout, GaussianNoise, AlphaDropout",
    FAMILY,
    about="drawn for each element, or for each feature of a row, before and after recurrent layers",
    options=["training", "seed", "rate", "stddev", "noise_shape"],
    deviations=DEVIATIONS,
    tolerance=STATISTICAL,
)
def training_noise(random):
    rate = random.choice((0.1, 0.3, 0.5))
    makers = [
        lambda: layers.Dropout(rate),
        lambda: layers.Dropout(rate, noise_shape=(None, 1, None)),
        lambda: layers.SpatialDropout1D(rate),
        lambda: layers.GaussianDropout(rate),
        lambda: layers.GaussianNoise(rate),
        lambda: layers.AlphaDropout(rate),
    ]
    chain = [random.choice(makers)(), any_layer(random, with_stack=False)]
    if random.chance():
        chain = [layers.SimpleRNN(random.small_size(), return_sequences=True), *chain]
    return _sample(random, chain)
