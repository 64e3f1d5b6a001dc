# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that move values, pool them over time, or convolve them over time."""

from feature import STREAMING, WHOLE, Deviation, Floats, Sample, feature
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Shapes, pooling and convolution over time"

_WHOLE_SEQUENCE = Deviation(
    "A model with such a layer has no sessions.",
    "The layer needs timesteps that have not arrived yet. Infer serves the model.",
)
_OFTEN_WHOLE_SEQUENCE = Deviation(
    "A model with such a layer has sessions only if the layer reads one timestep at a time and "
    "leaves it in its place.",
    "Otherwise the layer needs timesteps that have not arrived yet. Infer serves the model.",
)


@feature(
    "fixed_time_shapes",
    "Reshape, Permute, Flatten",
    FAMILY,
    about="for sequences with a fixed number of timesteps, before and after recurrent layers",
    options=["Reshape", "Permute", "Flatten"],
    deviations=[_OFTEN_WHOLE_SEQUENCE],
    weight=1.5,
)
def fixed_time_shapes(random):
    time, features = random.integer(1, 6), random.small_size()
    units = random.small_size()
    first = type(any_layer(random, with_stack=False))(units, return_sequences=True)
    kind = random.choice(["flatten", "permute", "reshape", "reshape_back"])
    if kind == "flatten":
        chain = [first, layers.Flatten(), layers.Dense(random.small_size())]
    elif kind == "permute":
        chain = [layers.Permute((2, 1)), first]
    elif kind == "reshape":
        chain = [layers.Reshape((features, time)), first]
    else:
        chain = [first, layers.Reshape((time * units,)), layers.Dense(random.small_size())]
    return Sample(
        random.sequential(chain, (time, features)),
        [Floats((None, features))],
        time_limits=(time, time),
        kinds=WHOLE,
        # If there are as many features as timesteps, this Reshape leaves each timestep in its
        # place.
        refuses_sessions=kind != "reshape" or features != time,
    )


@feature(
    "vector_shapes",
    "Reshape of each timestep, RepeatVector",
    FAMILY,
    about="a vector repeated as a sequence; a decoder after an encoder",
    options=["RepeatVector", "Reshape"],
)
def vector_shapes(random):
    features = random.small_size()
    chain = [
        any_layer(random),
        layers.RepeatVector(random.integer(1, 5)),
        any_layer(random, return_sequences=random.chance()),
    ]
    return Sample.of_frames(random, chain, features, kinds=WHOLE)


@feature(
    "global_pooling",
    "GlobalAveragePooling1D, GlobalMaxPooling1D",
    FAMILY,
    about="over all timesteps; the average obeys the mask, the maximum does not",
    options=["GlobalAveragePooling1D", "GlobalMaxPooling1D", "mask"],
    weight=1.5,
)
def global_pooling(random):
    features = random.small_size()
    pooling = random.choice([layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D])
    chain = [layers.Masking(0.0)] if random.chance() else []
    chain += [any_layer(random, return_sequences=True)] if random.chance(0.6) else []
    chain += [pooling()]
    chain += [layers.Dense(random.small_size())] if random.chance() else []
    # Keras' average over no timesteps is NaN. This happens for a row that is all masked, and while
    # all timesteps of a session so far are masked.
    options = {"kinds": STREAMING, "takes_mask": False}
    if isinstance(chain[0], layers.Masking):
        options = {"kinds": WHOLE, "refuses_sessions": False, "may_mask_all": False}
    return Sample.of_frames(random, chain, features, mask_value=0.0, **options)


@feature(
    "pooling_1d",
    "MaxPooling1D, AveragePooling1D",
    FAMILY,
    about="over windows of timesteps",
    options=["pool_size", "strides", "padding"],
    deviations=[_WHOLE_SEQUENCE],
)
def pooling_1d(random):
    features, size = random.small_size(), random.integer(1, 4)
    padding = random.choice(["valid", "same"])
    pooling = random.choice([layers.MaxPooling1D, layers.AveragePooling1D])
    chain = [
        pooling(size, strides=random.choice([None, 1, 2]), padding=padding),
        any_layer(random, return_sequences=random.chance()),
    ]
    return Sample.of_frames(random, chain, features, time_limits=(size, size + 6), kinds=WHOLE)


@feature(
    "crop_and_pad",
    "Cropping1D, ZeroPadding1D, UpSampling1D",
    FAMILY,
    about="timesteps cut off, added at both ends, or repeated",
    options=["Cropping1D", "ZeroPadding1D", "UpSampling1D"],
    deviations=[_WHOLE_SEQUENCE],
)
def crop_and_pad(random):
    features = random.small_size()
    first, last = random.integer(0, 2), random.integer(0, 2)
    kind = random.choice(["crop", "pad", "repeat"])
    if kind == "repeat":
        layer = layers.UpSampling1D(random.integer(1, 3))
    else:
        layer = {"crop": layers.Cropping1D, "pad": layers.ZeroPadding1D}[kind]((first, last))
    chain = [layer, any_layer(random, return_sequences=random.chance())]
    shortest = first + last + 1
    limits = (shortest, shortest + 4)
    return Sample.of_frames(random, chain, features, time_limits=limits, kinds=WHOLE)


def _conv1d(random, **options):
    strides = random.choice([1, 1, 2])
    options |= {
        "kernel_size": random.integer(1, 4),
        "strides": strides,
        "dilation_rate": random.choice([1, 2]) if strides == 1 else 1,
        "use_bias": random.chance(0.8),
        "activation": random.choice([None, "relu", "tanh"]),
    }
    if options["padding"] != "causal" and random.chance(0.3):
        return layers.SeparableConv1D(random.small_size(), **options)
    return layers.Conv1D(random.small_size(), **options)


@feature(
    "conv1d_causal",
    "Conv1D(padding='causal')",
    FAMILY,
    about="reads no later timesteps; with a stride of one timestep, sessions keep its buffer",
    options=["filters", "kernel_size", "dilation_rate", "strides", "use_bias", "activation"],
    weight=1.5,
)
def conv1d_causal(random):
    features = random.small_size()
    conv = _conv1d(random, padding="causal")
    chain = [conv, any_layer(random, return_sequences=random.chance())]
    kinds = STREAMING if conv.strides == (1,) else WHOLE
    options = {"takes_mask": False, "takes_state": False}
    return Sample.of_frames(random, chain, features, kinds=kinds, **options)


@feature(
    "conv1d",
    "Conv1D, SeparableConv1D, DepthwiseConv1D",
    FAMILY,
    about="with padding valid and same, before a recurrent layer",
    options=["filters", "kernel_size", "dilation_rate", "strides", "use_bias", "activation"],
    deviations=[_OFTEN_WHOLE_SEQUENCE],
)
def conv1d(random):
    features = random.small_size()
    padding = random.choice(["valid", "same"])
    conv = _conv1d(random, padding=padding)
    if random.chance(0.25):
        multiplier = random.integer(1, 2)
        conv = layers.DepthwiseConv1D(3, padding=padding, depth_multiplier=multiplier)
    chain = [conv, any_layer(random, return_sequences=random.chance())]
    # A window of one timestep needs no other timestep.
    kinds = STREAMING if conv.kernel_size == conv.strides == (1,) else WHOLE
    options = {"time_limits": (7, 12), "takes_mask": False}
    return Sample.of_frames(random, chain, features, kinds=kinds, **options)
