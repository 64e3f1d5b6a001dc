# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bidirectional: two recurrent layers, one in each direction."""

from feature import WHOLE, Deviation, Floats, Sample, Tokens, feature
from features.recurrent_options import any_layer
from reference import keras

layers = keras.layers

FAMILY = "Bidirectional"
MODES = ("concat", "sum", "mul", "ave")

_NO_SESSIONS = Deviation(
    "A model with such a layer has no sessions.",
    "The backward half needs the end of the sequence first. Infer serves the model.",
)


@feature(
    "bidirectional",
    "Bidirectional",
    FAMILY,
    about="all merge modes that give one output, with masks and states of both halves; states "
    "forward/h, ..., backward/h, ...",
    options=["merge_mode concat, sum, mul, ave", "return_sequences", "mask", "initial_state"],
    deviations=[_NO_SESSIONS],
    weight=3,
)
def bidirectional(random):
    features = random.size(0.03)
    layer = any_layer(
        random,
        return_sequences=random.chance(0.6),
        zero_output_for_mask=random.chance(0.3),
    )
    pair = layers.Bidirectional(layer, merge_mode=random.choice(MODES))
    return Sample.of_frames(random, [pair], features, kinds=WHOLE)


@feature(
    "bidirectional_own_backward",
    "Bidirectional(backward_layer=...)",
    FAMILY,
    about="a backward layer of another kind and, for concat, of another width",
    options=["backward_layer"],
    deviations=[_NO_SESSIONS],
    weight=0.7,
)
def bidirectional_own_backward(random):
    features, sequence = random.size(0.02), random.chance()
    mode = random.choice(MODES)
    units = random.small_size()
    forward = random.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    backward = random.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
    pair = layers.Bidirectional(
        forward(units, return_sequences=sequence),
        merge_mode=mode,
        backward_layer=backward(
            random.small_size() if mode == "concat" else units,
            return_sequences=sequence,
            go_backwards=True,
        ),
    )
    # Keras splits a list of initial states in the middle, regardless of how many states each half
    # needs.
    takes_state = (forward is layers.LSTM) == (backward is layers.LSTM)
    return Sample.of_frames(random, [pair], features, kinds=WHOLE, takes_state=takes_state)


@feature(
    "bidirectional_chain",
    "Bidirectional in a chain",
    FAMILY,
    about="token ids, two Bidirectional layers, a recurrent layer: the mask reaches all of them",
    options=["mask", "several pairs"],
    deviations=[_NO_SESSIONS],
)
def bidirectional_chain(random):
    limit = random.integer(2, 20)
    chain = [layers.Embedding(limit, random.small_size(), mask_zero=random.chance(0.7))]
    for _ in range(2):
        layer = any_layer(random, return_sequences=True)
        chain.append(layers.Bidirectional(layer, merge_mode=random.choice(MODES)))
    chain.append(any_layer(random, return_sequences=random.chance()))
    model = random.sequential(chain, (None,), dtype="int32")
    return Sample(model, [Tokens((None,), limit, padded=True)], kinds=WHOLE)


@feature(
    "bidirectional_two_outputs",
    "Bidirectional(merge_mode=None)",
    FAMILY,
    about="both halves are separate outputs, which separate layers may read",
    options=["merge_mode=None"],
    deviations=[_NO_SESSIONS],
)
def bidirectional_two_outputs(random):
    features = random.size(0.02)
    inputs = keras.Input((None, features))
    layer = any_layer(random, return_sequences=random.chance())
    forward, backward = layers.Bidirectional(layer, merge_mode=None)(inputs)
    if random.chance():
        backward = layers.Dense(random.small_size())(backward)
    model = random.functional(inputs, [forward, backward])
    return Sample(model, [Floats((None, features))], kinds=WHOLE)
