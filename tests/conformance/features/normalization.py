# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizations in inference."""

from feature import WHOLE, Deviation, Sample, feature
from features.around import around
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Normalizations"
EPSILONS = (1e-3, 1e-5, 0.1)


def _scale_and_center(random):
    return {"center": random.chance(0.8), "scale": random.chance(0.8)}


@feature(
    "layer_normalization",
    "LayerNormalization",
    FAMILY,
    about="over the last axis, with epsilon 0.001 unless the model says otherwise",
    options=["epsilon", "center", "scale", "rms_scaling"],
)
def layer_normalization(random):
    options = _scale_and_center(random)
    if random.chance(0.2):
        options = {"rms_scaling": True}
    layer = layers.LayerNormalization(epsilon=random.choice(EPSILONS), **options)
    return around(random, [layer], 1 + random.size(0.03) % 256)


@feature(
    "batch_normalization",
    "BatchNormalization",
    FAMILY,
    about="with the moving mean and variance from training",
    options=["epsilon", "center", "scale"],
)
def batch_normalization(random):
    layer = layers.BatchNormalization(
        epsilon=random.choice(EPSILONS), **_scale_and_center(random)
    )
    return around(random, [layer], random.size(0.03))


@feature(
    "vector_normalizations",
    "UnitNormalization, RMSNormalization",
    FAMILY,
    about="over the last axis",
    options=["UnitNormalization", "RMSNormalization(epsilon)"],
)
def vector_normalizations(random):
    layer = random.choice(
        [
            layers.UnitNormalization,
            lambda: layers.RMSNormalization(epsilon=random.choice([1e-6, 1e-3])),
        ]
    )()
    return around(random, [layer], random.size(0.03))


@feature(
    "normalization",
    "Normalization",
    FAMILY,
    about="with the mean and variance that adapt() computed, or with given ones",
    options=["axis", "mean", "variance", "invert"],
)
def normalization(random):
    features = random.size(0.03)
    values = random.normal((50, 3, features), scale=2.0) + 1.0
    options = {"axis": random.choice([-1, None]), "invert": random.chance(0.3)}
    if random.chance(0.3):
        axes = (0, 1) if options["axis"] == -1 else None
        options |= {"mean": values.mean(axes), "variance": values.var(axes)}
    layer = layers.Normalization(**options)
    if "mean" not in options:
        layer.adapt(values)
    chain = [layer]
    if random.chance(0.6):
        chain.append(any_layer(random, return_sequences=random.chance()))
    return Sample.of_frames(random, chain, features)


@feature(
    "group_normalization",
    "GroupNormalization",
    FAMILY,
    about="over groups of features and over all timesteps, masked ones too",
    options=["groups", "epsilon", "center", "scale"],
    deviations=[
        Deviation(
            "A model in which this layer reads a sequence has no sessions.",
            "The layer needs the end of the sequence first. Infer serves the model.",
        )
    ],
)
def group_normalization(random):
    groups = random.choice([1, 2, 3])
    layer = layers.GroupNormalization(
        groups, epsilon=random.choice(EPSILONS), **_scale_and_center(random)
    )
    # The variance of a few values can be near zero, which magnifies any rounding error.
    features = groups * random.integer(3, 6)
    chain = [layer]
    if random.chance():
        chain.append(any_layer(random, return_sequences=random.chance()))
    return Sample.of_frames(random, chain, features, kinds=WHOLE)
