# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that read several inputs."""

from feature import Floats, Sample, feature
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Merging layers"


def _branches(random, count, units, sequence):
    """Makes recurrent layers of the same width over one or several inputs."""
    features = random.small_size()
    shared = random.chance(0.4)
    inputs = [keras.Input((None, features)) for _ in range(1 if shared else count)]
    kinds = [layers.LSTM, layers.GRU, layers.SimpleRNN]
    outputs = []
    for i in range(count):
        source = inputs[0 if shared else i]
        if random.chance(0.4):
            source = layers.Masking(0.25)(source)
        outputs.append(random.choice(kinds)(units, return_sequences=sequence)(source))
    return inputs, [Floats((None, features), mask_value=0.25) for _ in inputs], outputs


def _ended(random, inputs, specs, merged, sequence):
    """Makes the merged value the output, or feeds it to a recurrent layer, which obeys its mask."""
    if sequence and random.chance():
        merged = any_layer(random, return_sequences=random.chance())(merged)
    return Sample(random.functional(inputs, merged), specs)


@feature(
    "elementwise_merges",
    "Add, Subtract, Multiply, Average, Maximum, Minimum",
    FAMILY,
    about="for sequences and vectors; if all inputs have a mask, the mask of the result is true "
    "where any of theirs is",
    options=["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "masks"],
    weight=2,
)
def elementwise_merges(random):
    merges = [layers.Add, layers.Subtract, layers.Multiply, layers.Average]
    merge = random.choice([*merges, layers.Maximum, layers.Minimum])
    count = 2 if merge is layers.Subtract else random.integer(2, 4)
    sequence = random.chance(0.7)
    inputs, specs, outputs = _branches(random, count, random.size(0.02), sequence)
    return _ended(random, inputs, specs, merge()(outputs), sequence)


@feature(
    "concatenate",
    "Concatenate",
    FAMILY,
    about="along features; inputs without a mask count as unmasked. A model that concatenates "
    "along time has no sessions",
    options=["Concatenate(axis=-1)", "masks"],
    weight=1.5,
)
def concatenate(random):
    sequence = random.chance(0.7)
    inputs, specs, outputs = _branches(random, random.integer(2, 4), random.size(0.02), sequence)
    return _ended(random, inputs, specs, layers.Concatenate()(outputs), sequence)


@feature(
    "dot",
    "Dot",
    FAMILY,
    about="the dot product of two feature vectors, with and without normalizing them",
    options=["Dot(axes=-1)", "normalize"],
    weight=0.7,
)
def dot(random):
    inputs, specs, outputs = _branches(random, 2, random.size(0.02), False)
    return _ended(random, inputs, specs, layers.Dot(-1, random.chance())(outputs), False)
