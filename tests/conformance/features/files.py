# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Number types of models, and the formats of their files."""

import contextlib

from feature import STREAMING, WHOLE, Deviation, Floats, Sample, Tokens, Tolerance, feature
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Number types and file formats"

_COMPUTED_IN_FLOAT32 = Deviation(
    "Whatever the policy, rnnserve computes in float32.",
    "The file of a model with a mixed policy has float32 weights too. For the 16-bit policies the "
    "result is nearer to the true one than that of Keras; for float64 it is as near as float32 "
    "comes.",
)


_OF_POLICY = {"options": ["dtype policy"], "deviations": [_COMPUTED_IN_FLOAT32], "weight": 0.6}


def _rounded(width, dtype, step):
    return Tolerance(
        width,
        width,
        f"Keras rounds every result to {dtype}, whose steps are {step} of a value, about ten times "
        "a timestep; rnnserve does not.",
    )


@contextlib.contextmanager
def _policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _model_of_policy(random, policy):
    features = random.small_size()
    with _policy(policy):
        chain = [layers.Masking(0.0)] if random.chance(0.3) else []
        chain.append(any_layer(random, return_sequences=True))
        chain.append(random.choice([layers.LSTM, layers.GRU])(random.small_size()))
        chain.append(layers.Dense(random.small_size()))
        return Sample.of_frames(random, chain, features, mask_value=0.0, time_limits=(1, 4))


@feature(
    "mixed_float16",
    "mixed_float16",
    FAMILY,
    about="dtype policy mixed_float16",
    tolerance=_rounded(5e-3, "float16", "1/1024"),
    **_OF_POLICY,
)
def mixed_float16(random):
    return _model_of_policy(random, "mixed_float16")


@feature(
    "mixed_bfloat16",
    "mixed_bfloat16",
    FAMILY,
    about="dtype policy mixed_bfloat16",
    tolerance=_rounded(4e-2, "bfloat16", "1/128"),
    **_OF_POLICY,
)
def mixed_bfloat16(random):
    return _model_of_policy(random, "mixed_bfloat16")


@feature("float64", "float64", FAMILY, about="dtype policy float64", **_OF_POLICY)
def float64(random):
    return _model_of_policy(random, "float64")


@feature(
    "legacy_h5",
    "Whole models as .h5",
    FAMILY,
    about="the file format of Keras 2, which Keras 3 still writes",
    options=["model.save('name.h5')"],
)
def legacy_h5(random):
    return _model_of_file(random, "h5")


@feature(
    "weights_h5",
    "Weights as .weights.h5, with a configuration",
    FAMILY,
    about="weights alone, with the configuration from to_json()",
    options=["save_weights('name.weights.h5')", "to_json()", "rnnserve-import --config"],
)
def weights_h5(random):
    return _model_of_file(random, "weights.h5")


def _model_of_file(random, file_format):
    features, limit = random.small_size(), random.integer(2, 20)
    tokens = random.chance(0.3)
    chain = [layers.Embedding(limit, features, mask_zero=True)] if tokens else []
    chain.append(any_layer(random, return_sequences=True))
    if random.chance(0.3):
        chain.append(layers.Bidirectional(layers.GRU(3, return_sequences=True)))
    chain.append(layers.LayerNormalization())
    chain.append(any_layer(random))
    chain.append(layers.Dense(random.small_size(), activation="softmax"))
    shape = (None,) if tokens else (None, features)
    model = random.sequential(chain, shape, dtype="int32" if tokens else "float32")
    source = Tokens(shape, limit, padded=True) if tokens else Floats(shape)
    has_pair = any(isinstance(layer, layers.Bidirectional) for layer in chain)
    kinds = WHOLE if has_pair else STREAMING
    return Sample(model, [source], file_format=file_format, kinds=kinds)
