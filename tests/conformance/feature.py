# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a feature is: a generator of random models, with everything the page says of it beside it.

A feature module decorates a function that makes one random model:

    @feature("lstm", "LSTM", FAMILY, about="...", options=["units"], deviations=[...])
    def lstm(random):
        return Sample.of_frames(random, [layers.LSTM(random.size())], features=3)

The model, its weights and the calls made of it depend on the seed, the name of the feature and the
number of the model alone, so that new features change no old case.
"""

import dataclasses
import typing

REGISTRY = {}

# What a call of a model may be.
INFER = "infer"  # One unary Infer of the whole batch.
CHUNKS = "chunks"  # One session a row, fed through a stream in parts of random length.
STEPS = "steps"  # One session a row, fed through unary Step calls, a timestep each.
REUSED = "reused"  # As STEPS, in sessions that were used before and got new states since.
TRAINING = "training"  # Infer of many copies of one row with training=True, several times.
STREAMING = (INFER, INFER, CHUNKS, STEPS)  # The kinds of a model's four calls, in turn.
WHOLE = (INFER,)  # The kinds of a model that is only called with whole sequences.


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """|served - keras| <= absolute + relative * |keras|; wider than FLOAT32 only with a reason."""

    absolute: float
    relative: float
    reason: str = ""
    # Where results are random: how far their statistics may be apart besides.
    standard_errors: float = 0.0


FLOAT32 = Tolerance(2e-6, 1e-5)


@dataclasses.dataclass(frozen=True)
class Deviation:
    """A difference between rnnserve and Keras, with its reason."""

    what: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Floats:
    """A float input: its shape without batch; None is time. `mask_value` fills masked timesteps."""

    shape: tuple
    mask_value: float | None = None


@dataclasses.dataclass(frozen=True)
class Tokens:
    """An input of token ids below `limit`; `padded`: 0 stands at masked timesteps."""

    shape: tuple
    limit: int
    padded: bool = False


@dataclasses.dataclass
class Sample:
    """A random model, and which calls make sense of it."""

    model: typing.Any  # keras.Model
    inputs: list  # Of Floats and Tokens, in the order of the model's inputs.
    # Whether the caller may give masks, and states for the recurrent layers.
    takes_mask: bool = True
    takes_state: bool = True
    # The longest time that calls may have, and the shortest.
    time_limits: tuple = (1, 7)
    # The kinds of its four calls, in turn. Without streaming ones the server must refuse sessions,
    # naming the layer that needs the whole sequence, unless `refuses_sessions` is False.
    kinds: tuple = STREAMING
    refuses_sessions: bool = True
    # The batch of all calls, where the model fixes it. Its stateful layers are then really called
    # part by part in Keras too, and not only compared with one long call.
    batch: int | None = None
    # For each output, whether it has a time axis that grows with that of the input. None: where the
    # extent of the second axis is not fixed.
    has_time: list | None = None
    # The format that it is saved in: "keras", "h5", or "weights.h5" with to_json() in another file.
    file_format: str = "keras"
    # Masks may have a row in which nothing counts.
    may_mask_all: bool = True

    @classmethod
    def of_frames(cls, random, chain, features, mask_value=None, **options):
        """A Sequential of the layers over frames of so many features; options: of the Sample."""
        model = random.sequential(chain, (None, features))
        return cls(model, [Floats((None, features), mask_value)], **options)

    def save(self, path):
        """Writes the model; returns the file of its configuration if that goes apart, else None."""
        if self.file_format != "weights.h5":
            self.model.save(path)
            return None
        self.model.save_weights(path)
        config = path.with_name("config.json")
        config.write_text(self.model.to_json())
        return config

    def __post_init__(self):
        if len(self.model.inputs) + len(self.model.outputs) > 2:
            self.kinds = WHOLE  # A session has one input and one output.


@dataclasses.dataclass(frozen=True)
class Feature:
    """A row of the table and of the page."""

    name: str
    title: str
    family: str
    about: str
    options: tuple
    deviations: tuple
    tolerance: Tolerance
    # Its share of the cases, relative to the others.
    weight: float
    generate: typing.Callable = dataclasses.field(compare=False)

    def description(self):
        """What the page needs, as JSON."""
        fields = dataclasses.asdict(dataclasses.replace(self, generate=None))
        del fields["generate"], fields["weight"]
        return fields


def feature(
    name, title, family, about, options=(), deviations=(), tolerance=FLOAT32, weight=1.0
):
    """Registers the decorated function, which makes a Sample of a Random, as a feature."""
    if tolerance != FLOAT32 and not tolerance.reason:
        raise ValueError(f"feature {name}: a wider tolerance needs a reason")

    def register(generate):
        if name in REGISTRY:
            raise ValueError(f"there are two features '{name}'")
        REGISTRY[name] = Feature(
            name,
            title,
            family,
            about,
            tuple(options),
            tuple(deviations),
            tolerance,
            weight,
            generate,
        )
        return generate

    return register
