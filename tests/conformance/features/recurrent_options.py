# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The options of every recurrent layer, whatever its cell: masks, states, directions, loops."""

from feature import REUSED, STREAMING, WHOLE, Deviation, Floats, Sample, Tokens, feature
from features.recurrent import random_cell
from reference import keras

layers = keras.layers

FAMILY = "Options of every recurrent layer"


def any_layer(random, with_stack=True, **options):
    """Makes a recurrent layer of a random kind."""
    units = random.size(large=0.03)
    kind = random.choice(["simple", "lstm", "gru", *(["stack", "stack"] if with_stack else [])])
    if kind == "stack":
        return layers.RNN([random_cell(random), random_cell(random)], **options)
    makers = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
    if kind == "gru":
        options["reset_after"] = random.chance()
    return makers[kind](units, **options)


def sequence_options(random):
    return {
        "return_sequences": random.chance(0.7),
        "zero_output_for_mask": random.chance(0.4),
    }


@feature(
    "mask_argument",
    "mask=",
    FAMILY,
    about="an explicit mask with any pattern in each row: leading, trailing, holes, all masked; "
    "two layers, so that the mask is passed on",
    options=["mask of Infer", "mask of Step"],
    deviations=[
        Deviation(
            "A mask has the shape [batch, time] and the type bool.",
            "Keras casts any number to bool and broadcasts [1, time]. It cuts a mask that is too "
            "long, or fails inside the loop, depending on the backend.",
        ),
        Deviation(
            "The mask passes through recurrent layers, Bidirectional and TimeDistributed.",
            "Keras 3.0 to 3.15 does the same. Keras 3.16 drops the mask with a warning, and the "
            "next layer then reads the padding as data. `rnnserve-import --mask-rules 'keras "
            "3.16'` gives a model those rules.",
        ),
    ],
    weight=2,
)
def mask_argument(random):
    features = random.size(0.02)
    first = any_layer(random, return_sequences=True, zero_output_for_mask=random.chance(0.4))
    second = any_layer(random, **sequence_options(random))
    return Sample.of_frames(random, [first, second], features)


@feature(
    "masking_layer",
    "Masking",
    FAMILY,
    about="timesteps that hold mask_value in every feature are skipped, and set to zero",
    options=["mask_value"],
    weight=1.5,
)
def masking_layer(random):
    features = random.size(0.02)
    value = random.choice([0.0, -1.0, 9.0, 0.1])
    chain = [layers.Masking(value), any_layer(random, **sequence_options(random))]
    return Sample.of_frames(random, chain, features, mask_value=value)


@feature(
    "embedding_mask",
    "Embedding(mask_zero=True)",
    FAMILY,
    about="token 0 is padding; the mask reaches every later recurrent layer",
    options=["mask_zero"],
    weight=1.5,
)
def embedding_mask(random):
    limit = random.integer(2, 30)
    chain = [
        layers.Embedding(limit, random.size(0.02), mask_zero=True),
        any_layer(random, return_sequences=True),
        any_layer(random, **sequence_options(random)),
    ]
    model = random.sequential(chain, (None,), dtype="int32")
    return Sample(model, [Tokens((None,), limit, padded=True)])


@feature(
    "go_backwards",
    "go_backwards=True",
    FAMILY,
    about="the last timestep comes first, with the mask reversed too; outputs stay in the order "
    "of processing, and the next layer gets the mask in the order of the input",
    options=["go_backwards", "return_sequences", "mask"],
    deviations=[
        Deviation(
            "A model with such a layer has no sessions.",
            "The layer needs the end of the sequence first. Infer serves the model.",
        )
    ],
    weight=1.5,
)
def go_backwards(random):
    features = random.size(0.02)
    chain = [any_layer(random, go_backwards=True, **sequence_options(random))]
    if chain[0].return_sequences:
        chain.append(any_layer(random, **sequence_options(random)))
    return Sample.of_frames(random, chain, features, kinds=WHOLE)


@feature(
    "zero_output_for_mask",
    "zero_output_for_mask=True",
    FAMILY,
    about="zeros at masked timesteps instead of the previous output; also where only the last "
    "output is returned",
    options=["zero_output_for_mask", "return_sequences"],
)
def zero_output_for_mask(random):
    features = random.size(0.02)
    layer = any_layer(random, zero_output_for_mask=True, return_sequences=random.chance())
    masking = layers.Masking(0.5)
    return Sample.of_frames(random, [masking, layer], features, mask_value=0.5)


@feature(
    "unroll",
    "unroll=True",
    FAMILY,
    about="a fixed number of timesteps, which Keras unrolls; the numbers are the same",
    options=["unroll", "zero_output_for_mask", "mask"],
    weight=0.7,
)
def unroll(random):
    time, features = random.integer(1, 6), random.size(0.02)
    sequence = random.chance(0.6)
    layer = any_layer(
        random,
        unroll=True,
        return_sequences=sequence,
        zero_output_for_mask=random.chance(0.4),
    )
    model = random.sequential([layer], (time, features))
    # If the number of timesteps is fixed, Keras cannot compute the results after only some of them.
    return Sample(
        model,
        [Floats((None, features))],
        time_limits=(time, time),
        kinds=STREAMING if sequence else WHOLE,
        refuses_sessions=False,
        has_time=[sequence],
    )


@feature(
    "stateful",
    "stateful=True",
    FAMILY,
    about="Keras is called part by part and keeps the states; a session gets the same parts",
    options=["stateful", "fixed batch"],
    deviations=[
        Deviation(
            "States belong to a session, not to a batch; Infer always begins anew.",
            "A Keras layer keeps one state for each row of one fixed batch. A session is such a "
            "row. It can be reset, read and set, and it can share a batch with any other sessions.",
        ),
        Deviation(
            "A masked timestep at the beginning of a later call repeats the output before it.",
            "A stateful layer of Keras keeps its states, but not its last output: each call begins "
            "with an output of zeros. In rnnserve, a sequence in parts gives the same outputs as "
            "in one call.",
        ),
    ],
)
def stateful(random):
    features, batch = random.size(0.02), random.integer(1, 4)
    chain = [any_layer(random, stateful=True, return_sequences=random.chance(0.6))]
    if chain[0].return_sequences and random.chance():
        chain.append(any_layer(random, stateful=True))
    # Keras cannot reset nested states, which the reference has to do.
    chain = [_without_nested_states(random, layer) for layer in chain]
    model = random.sequential(chain, (None, features), batch_size=batch)
    return Sample(model, [Floats((None, features))], batch=batch, takes_mask=False)


def _without_nested_states(random, layer):
    if type(layer) is not layers.RNN:
        return layer
    return layers.LSTM(
        random.size(0.02), stateful=True, return_sequences=layer.return_sequences
    )


@feature(
    "initial_state",
    "initial_state of a call",
    FAMILY,
    about="a call gives states for every recurrent layer of a model and gets the final states back",
    options=["initial_state of Infer, OpenSession and Step", "return_state of Infer and Step"],
    deviations=[
        Deviation(
            "The server checks the number, names and shapes of the states.",
            "Keras checks nothing: it ignores surplus states, broadcasts [1, units], and fails in "
            "a product if a width is wrong.",
        ),
        Deviation(
            "The mask of the model stays in force when the caller gives states.",
            "When Keras is given initial_state, it silently drops a mask that came with the input. "
            "In a model that wires initial_state itself, rnnserve does as Keras does.",
        ),
    ],
    weight=1.5,
)
def initial_state(random):
    features = random.size(0.02)
    chain = [any_layer(random, return_sequences=True) for _ in range(random.integer(1, 2))]
    chain.append(any_layer(random, return_sequences=random.chance()))
    return Sample.of_frames(random, chain, features)


@feature(
    "reset_state",
    "reset_state(), reset_state(states)",
    FAMILY,
    about="a session that has seen other timesteps is reset, or is given states, and goes on like "
    "a new one",
    options=["ResetState", "SetState", "GetState", "initial_state of Step"],
    deviations=[
        Deviation(
            "reset_state() works for layers of several cells, and takes states.",
            "In Keras 3 it raises AttributeError for nested states, and it takes no argument "
            "although the documentation says that it does.",
        ),
    ],
)
def reset_state(random):
    features = random.size(0.02)
    first = any_layer(random, return_sequences=True)
    second = any_layer(random, **sequence_options(random))
    return Sample.of_frames(random, [first, second], features, kinds=(REUSED,))
