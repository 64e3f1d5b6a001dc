# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The layers around recurrent ones that keep no state and read one input."""

from feature import Deviation, Sample, Tokens, feature
from features.recurrent_options import any_layer
from layer_goldens import ACTIVATIONS
from reference import keras

layers = keras.layers

FAMILY = "Layers around them"

# These leave out exponential, which lets states grow without limit, and sparsemax, which is not
# useful for gates.
CELL_ACTIVATIONS = tuple(name for name in ACTIVATIONS if name not in ("exponential", "sparsemax"))


def around(random, chain, features):
    """Makes a chain of the layers, sometimes after a recurrent layer and sometimes before one."""
    if random.chance(0.4):
        chain = [any_layer(random, return_sequences=True), *chain]
    if random.chance(0.4):
        chain = [*chain, any_layer(random, return_sequences=random.chance())]
    return Sample.of_frames(random, chain, features)


@feature(
    "activation_names",
    "Activation, and activations of Dense",
    FAMILY,
    about="every activation that Keras knows by name, with its Keras 3 formula",
    options=[f"`{name}`" for name in ACTIVATIONS],
    weight=2,
)
def activation_names(random):
    name = random.choice(ACTIVATIONS)
    layer = layers.Activation(name)
    if random.chance(0.4):
        layer = layers.Dense(random.size(0.02), activation=name)
    return around(random, [layer], random.size(0.02))


@feature(
    "cell_activations",
    "Activations of cells",
    FAMILY,
    about="any activation, for a cell or for its gates",
    options=["activation", "recurrent_activation"],
    weight=2,
)
def cell_activations(random):
    features, units = random.size(0.02), random.small_size()
    activation, gate = random.choice(CELL_ACTIVATIONS), random.choice(CELL_ACTIVATIONS)
    options = {"activation": activation, "return_sequences": random.chance()}
    layer = random.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    if layer is not layers.SimpleRNN:
        options["recurrent_activation"] = gate
    return Sample.of_frames(random, [layer(units, **options)], features, time_limits=(1, 4))


@feature(
    "activation_layers",
    "ReLU, LeakyReLU, PReLU, ELU, Softmax, Rescaling",
    FAMILY,
    about="the activations that are layers, with their options",
    options=[
        "ReLU(max_value, negative_slope, threshold)",
        "LeakyReLU",
        "PReLU(shared_axes)",
        "ELU(alpha)",
        "Softmax",
        "Rescaling(scale, offset)",
    ],
    deviations=[
        Deviation(
            "The Softmax layer gives zeros at masked timesteps.",
            "Keras applies the mask [batch, time] to the last two axes of [batch, time, features]. "
            "It fails, or masks features if the sizes happen to agree.",
        )
    ],
)
def activation_layers(random):
    makers = [
        lambda: layers.ReLU(
            max_value=random.choice([None, 1.0, 6.0]),
            negative_slope=random.choice([0.0, 0.1]),
            threshold=random.choice([0.0, 0.5]),
        ),
        lambda: layers.LeakyReLU(negative_slope=random.choice([0.1, 0.3])),
        lambda: layers.ELU(alpha=random.choice([0.5, 1.0])),
        layers.Softmax,
        lambda: layers.PReLU(shared_axes=[1]),
        lambda: layers.Rescaling(0.5, offset=random.choice([0.0, 0.25])),
    ]
    layer = random.choice(makers)()
    sample = around(random, [layer], random.size(0.02))
    sample.takes_mask = not isinstance(layer, layers.Softmax)
    return sample


@feature(
    "dense",
    "Dense",
    FAMILY,
    about="over the last axis of sequences and of vectors",
    options=["units", "activation", "use_bias"],
)
def dense(random):
    chain = [
        layers.Dense(
            random.size(),
            use_bias=random.chance(0.8),
            activation=random.choice([None, "relu", "tanh"]),
        )
        for _ in range(random.integer(1, 3))
    ]
    return around(random, chain, random.size())


@feature(
    "embedding",
    "Embedding",
    FAMILY,
    about="rows of a table by token id, with and without mask_zero",
    options=["input_dim", "output_dim", "mask_zero"],
)
def embedding(random):
    limit = random.integer(1, 300)
    chain = [layers.Embedding(limit, random.size(), mask_zero=random.chance(0.3))]
    if random.chance(0.7):
        chain.append(any_layer(random, return_sequences=random.chance()))
    model = random.sequential(chain, (None,), dtype="int32")
    return Sample(model, [Tokens((None,), limit, padded=random.chance(0.3))])


@feature(
    "time_distributed",
    "TimeDistributed",
    FAMILY,
    about="applies a layer to every timestep and passes the mask on",
    options=["TimeDistributed(Dense)", "TimeDistributed(LayerNormalization)", "mask"],
)
def time_distributed(random):
    inner = random.choice(
        [
            lambda: layers.Dense(random.size(0.02), activation="tanh"),
            lambda: layers.LayerNormalization(),
            lambda: layers.Activation("relu"),
            lambda: layers.Dropout(0.3),
        ]
    )()
    return around(random, [layers.TimeDistributed(inner)], random.size(0.02))


@feature(
    "dropout_layers",
    "Dropout and similar layers, Identity",
    FAMILY,
    about="no effect without training; they pass masks on",
    options=[
        "Dropout",
        "SpatialDropout1D",
        "GaussianDropout",
        "GaussianNoise",
        "AlphaDropout",
        "ActivityRegularization",
        "Identity",
        "dropout and recurrent_dropout of cells",
    ],
)
def dropout_layers(random):
    makers = [
        lambda: layers.Dropout(0.4),
        lambda: layers.SpatialDropout1D(0.4),
        lambda: layers.GaussianDropout(0.4),
        lambda: layers.GaussianNoise(0.4),
        lambda: layers.AlphaDropout(0.4),
        lambda: layers.ActivityRegularization(l1=0.1),
        lambda: layers.Identity(),
        lambda: layers.LSTM(3, dropout=0.4, recurrent_dropout=0.3, return_sequences=True),
        lambda: layers.GRU(3, dropout=0.4, recurrent_dropout=0.3, return_sequences=True),
    ]
    return around(random, [make() for make in random.sample(makers, 2)], random.size(0.02))


@feature(
    "deep_models",
    "Deep Sequential models",
    FAMILY,
    about="four to nine layers of all kinds in a row",
    options=["Sequential"],
    weight=1.5,
)
def deep_models(random):
    features = random.size(0.02)
    makers = [
        lambda: any_layer(random, return_sequences=True),
        lambda: any_layer(random, return_sequences=True),
        lambda: layers.Dense(random.small_size(), activation="tanh"),
        lambda: layers.LayerNormalization(),
        lambda: layers.TimeDistributed(layers.Dense(random.small_size())),
        lambda: layers.Dropout(0.2),
        lambda: layers.Activation("softsign"),
    ]
    chain = [layers.Masking(0.0)] if random.chance() else []
    chain += [random.choice(makers)() for _ in range(random.integer(3, 7))]
    if random.chance():
        chain.append(any_layer(random))
        chain.append(layers.Dense(random.small_size(), activation="softmax"))
    return Sample.of_frames(random, chain, features, mask_value=0.0)
