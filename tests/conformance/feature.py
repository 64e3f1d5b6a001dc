# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A feature: a generator of random models, together with everything that the page says about it.

A feature module decorates a function that makes one random model:

    @feature("lstm", "LSTM", FAMILY, about="...", options=["units"], deviations=[...])
    def lstm(random):
        return Sample.of_frames(random, [layers.LSTM(random.size())], features=3)

The model, its weights and its calls depend only on the seed, the name of the feature and the number
of the model, so new features change no old case.
"""

import dataclasses
import typing

REGISTRY = {}

# The kinds of calls of a model.
INFER = "infer"  # One unary Infer of the whole batch.
CHUNKS = "chunks"  # One session for each row, fed through a stream in parts of random length.
STEPS = "steps"  # One session for each row, fed through unary Step calls, one timestep each.
REUSED = "reused"  # As STEPS, in sessions that were used before and have got new states since.
TRAINING = "training"  # Infer of many copies of one row with training=True, several times.
STREAMING = (INFER, INFER, CHUNKS, STEPS)  # The kinds of a model's four calls, in turn.
WHOLE = (INFER,)  # The kinds for a model that is called only with whole sequences.


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """|served - keras| <= absolute + relative * |keras|. Wider than FLOAT32 only with a reason."""

    absolute: float
    relative: float
    reason: str = ""
    # For random results: the standard errors by which their statistics may differ in addition.
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
    """An input of token ids below `limit`. If `padded`, masked timesteps have the id 0."""

    shape: tuple
    limit: int
    padded: bool = False


@dataclasses.dataclass
class Sample:
    """A random model and the calls that make sense for it."""

    model: typing.Any  # keras.Model
    inputs: list  # Of Floats and Tokens, in the order of the model's inputs.
    # Whether a call may give masks, and whether it may give states for the recurrent layers.
    takes_mask: bool = True
    takes_state: bool = True
    # The smallest and the largest number of timesteps that calls may have.
    time_limits: tuple = (1, 7)
    # The kinds of its four calls, in turn. If none of them streams, the server must refuse sessions
    # and name the layer that needs the whole sequence, unless `refuses_sessions` is False.
    kinds: tuple = STREAMING
    refuses_sessions: bool = True
    # The batch of all calls, if the model fixes it. Keras then calls its stateful layers part by
    # part too, so that they are not only compared with one long call.
    batch: int | None = None
    # Whether each output has a time axis that grows with that of the input. None: the outputs whose
    # second axis has no fixed extent have one.
    has_time: list | None = None
    # The format of its file: "keras", "h5", or "weights.h5" with to_json() in another file.
    file_format: str = "keras"
    # Whether a mask may mask all timesteps of a row.
    may_mask_all: bool = True

    @classmethod
    def of_frames(cls, random, chain, features, mask_value=None, **options):
        """Returns a Sequential model of the layers over frames of `features` features. options:
        those of the Sample."""
        model = random.sequential(chain, (None, features))
        return cls(model, [Floats((None, features), mask_value)], **options)

    def save(self, path):
        """Writes the model. Returns the file of its configuration if that is a separate one,
        else None."""
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
    # Its share of the cases, relative to other features.
    weight: float
    generate: typing.Callable = dataclasses.field(compare=False)

    def description(self):
        """Returns what the page needs, as JSON."""
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
