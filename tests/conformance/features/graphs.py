# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Functional models: several inputs and outputs, shared layers, nested models, wired states."""

from feature import Deviation, Floats, Sample, Tokens, feature
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Models"


@feature(
    "functional",
    "Functional models",
    FAMILY,
    about="a chain with connections that skip some of its layers",
    options=["keras.Model(inputs, outputs)", "residual connections"],
    weight=1.5,
)
def functional(random):
    features, units = random.small_size(), random.size(0.02)
    inputs = keras.Input((None, features))
    value = layers.Masking(0.5)(inputs) if random.chance() else inputs
    value = layers.LSTM(units, return_sequences=True)(value)
    for _ in range(random.integer(1, 3)):
        layer = random.choice([layers.GRU, layers.SimpleRNN])(units, return_sequences=True)
        value = layers.Add()([value, layer(value)])
    if random.chance():
        value = any_layer(random)(value)
    return Sample(random.functional(inputs, value), [Floats((None, features), mask_value=0.5)])


@feature(
    "multi_input",
    "Several inputs",
    FAMILY,
    about="sequences of features and of token ids, read side by side",
    options=["NamedTensor inputs", "a mask for each input"],
    weight=1.5,
)
def multi_input(random):
    features, limit = random.small_size(), random.integer(2, 20)
    frames = keras.Input((None, features), name="frames")
    words = keras.Input((None,), dtype="int32", name="words")
    embedded = layers.Embedding(limit, random.small_size(), mask_zero=random.chance())(words)
    sequence = random.chance()
    left = any_layer(random, return_sequences=sequence)(frames)
    right = any_layer(random, return_sequences=sequence)(embedded)
    merged = layers.Concatenate()([left, right])
    if sequence:
        merged = any_layer(random, return_sequences=random.chance())(merged)
    model = random.functional([frames, words], merged)
    return Sample(model, [Floats((None, features)), Tokens((None,), limit, padded=True)])


@feature(
    "multi_output",
    "Several outputs",
    FAMILY,
    about="outputs with and without a time axis side by side",
    options=["NamedTensor outputs"],
    weight=1.5,
)
def multi_output(random):
    features = random.small_size()
    inputs = keras.Input((None, features))
    value = any_layer(random, return_sequences=True)(inputs)
    outputs = [layers.Dense(random.small_size(), name="each_step")(value)]
    outputs.append(any_layer(random)(value))
    if random.chance():
        outputs.append(any_layer(random, return_sequences=True)(value))
    return Sample(random.functional(inputs, outputs), [Floats((None, features))])


@feature(
    "return_state",
    "return_state=True",
    FAMILY,
    about="the final states as outputs of the model: y, h; y, h, c; and nested ones of stacks",
    options=["return_state", "order of the states"],
    deviations=[
        Deviation(
            "A Sequential model that ends in a layer with return_state has one output; a request "
            "with return_state gets the states.",
            "A Sequential model has one output, and a request can ask for the states anyway.",
        ),
    ],
    weight=1.5,
)
def return_state(random):
    features = random.small_size()
    inputs = keras.Input((None, features))
    layer = any_layer(random, return_state=True, return_sequences=random.chance())
    outputs = keras.tree.flatten(layer(inputs))
    return Sample(random.functional(inputs, outputs), [Floats((None, features))])


@feature(
    "shared_layers",
    "Shared layers",
    FAMILY,
    about="one layer called on several inputs: its weights are stored once, and each call has "
    "states of its own",
    options=["several inbound nodes"],
)
def shared_layers(random):
    features = random.small_size()
    if random.chance():
        return _layer_called_on_itself(random, features)
    inputs = [keras.Input((None, features)) for _ in range(2)]
    dense = layers.Dense(random.small_size(), activation="tanh")
    recurrent = any_layer(random, return_sequences=random.chance())
    merged = layers.Concatenate()([recurrent(dense(value)) for value in inputs])
    return Sample(random.functional(inputs, merged), [Floats((None, features)) for _ in inputs])


def _layer_called_on_itself(random, features):
    inputs = keras.Input((None, features))
    recurrent = layers.GRU(features, return_sequences=True)
    value = recurrent(recurrent(inputs))
    return Sample(random.functional(inputs, value), [Floats((None, features))])


@feature(
    "nested_models",
    "Nested models",
    FAMILY,
    about="Sequential and Functional models as layers of either kind of model",
    options=["Sequential in Sequential", "Functional in Sequential", "Functional in Functional"],
    weight=1.5,
)
def nested_models(random):
    features = random.small_size()
    inner_input = keras.Input((None, features))
    if random.chance():
        inner = keras.Sequential(
            [inner_input, any_layer(random, return_sequences=True), layers.Dense(3)]
        )
    else:
        value = layers.GRU(features, return_sequences=True)(inner_input)
        inner = keras.Model(inner_input, layers.Add()([value, inner_input]))
    last = any_layer(random, return_sequences=random.chance())
    if random.chance():
        model = random.sequential([inner, last], (None, features))
    else:
        inputs = keras.Input((None, features))
        model = random.functional(inputs, last(inner(inputs)))
    return Sample(model, [Floats((None, features))])


@feature(
    "encoder_decoder",
    "Encoder and decoder",
    FAMILY,
    about="the final states of one layer are the initial states of another; the decoder reads an "
    "input of its own",
    options=["initial_state wired by the model", "return_state"],
    deviations=[
        Deviation(
            "A layer with initial_state does not apply a mask that came with the input.",
            "Keras 3 does the same, Keras 2 did not: only an explicit mask counts where a layer "
            "reads more than one tensor.",
        ),
        Deviation(
            "A model whose decoder begins at the end of the encoder's sequence has no sessions.",
            "A session does not know where that sequence ends. Infer serves such models; a decoder "
            "whose states are inputs has sessions.",
        ),
    ],
    weight=1.5,
)
def encoder_decoder(random):
    features, units = random.small_size(), random.size(0.02)
    kind = random.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    source = keras.Input((None, features), name="source")
    target = keras.Input((None, features), name="target")
    masked = layers.Masking(0.5)(source) if random.chance() else source
    _, *states = kind(units, return_state=True, name="encoder")(masked)
    masked = layers.Masking(0.5)(target) if random.chance() else target
    decoder = kind(units, return_sequences=random.chance(0.7), name="decoder")
    output = decoder(masked, initial_state=states)
    output = layers.Dense(random.small_size(), name="words")(output)
    model = random.functional([source, target], output)
    specs = [Floats((None, features), mask_value=0.5) for _ in range(2)]
    return Sample(model, specs)


@feature(
    "states_as_inputs",
    "States as inputs and outputs",
    FAMILY,
    about="initial states are inputs of the model and final states are its outputs, as in a "
    "decoder that is used step by step",
    options=["vector inputs", "initial_state", "return_state"],
)
def states_as_inputs(random):
    features, units = random.small_size(), random.size(0.02)
    kind = random.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    frames = keras.Input((None, features), name="frames")
    count = 2 if kind is layers.LSTM else 1
    states = [keras.Input((units,), name=f"state_{i}") for i in range(count)]
    layer = kind(units, return_sequences=random.chance(), return_state=True)
    outputs = layer(frames, initial_state=states)
    model = random.functional([frames, *states], list(outputs))
    specs = [Floats((None, features)), *(Floats((units,)) for _ in states)]
    return Sample(model, specs, takes_mask=False)
