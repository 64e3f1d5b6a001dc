# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Features: generators of random models, together with everything that the page says about them.

A feature module decorates a function that makes one random model:

    @feature("lstm", "LSTM", FAMILY, about="...", options=["units"], deviations=[...])
    def lstm(random):
        return Sample.of_frames(random, [layers.LSTM(random.size())], features=3)

The model, its weights and its calls depend only on the seed, the name of the feature and the number
of the model, so that new features do not change old cases.
"""

import dataclasses
import typing

REGISTRY = {}

# The kinds of calls.
INFER = "infer"  # One unary Infer of the whole batch.
CHUNKS = "chunks"  # One session per row, fed through a stream in parts of random length.
STEPS = "steps"  # One session per row, fed through unary Step calls of one timestep.
REUSED = "reused"  # Like STEPS, in sessions that were used before and then got new states.
TRAINING = "training"  # Several Infers of many copies of one row with training=True.
STREAMING = (INFER, INFER, CHUNKS, STEPS)  # The kinds of a model's four calls, in order.
WHOLE = (INFER,)  # The kinds for a model that is only called with whole sequences.


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """|served - keras| <= absolute + relative * |keras|; wider than FLOAT32 only with a reason."""

    absolute: float
    relative: float
    reason: str = ""
    # For random results: the number of standard errors by which their statistics may differ in
    # addition.
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
    """An input of token ids below `limit`; `padded`: masked timesteps are 0."""

    shape: tuple
    limit: int
    padded: bool = False


@dataclasses.dataclass
class Sample:
    """A random model, and the calls that make sense for it."""

    model: typing.Any  # keras.Model
    inputs: list  # Floats and Tokens, in the order of the model's inputs.
    # Whether the caller may pass masks, and states for the recurrent layers.
    takes_mask: bool = True
    takes_state: bool = True
    # The largest and the smallest number of timesteps of a call.
    time_limits: tuple = (1, 7)
    # The kinds of its four calls, in order. Without streaming calls the server must refuse sessions
    # and name the layer that needs the whole sequence, unless `refuses_sessions` is False.
    kinds: tuple = STREAMING
    refuses_sessions: bool = True
    # The batch size of all calls, if the model fixes it. Keras then calls its stateful layers part
    # by part too; otherwise the parts are only compared with one long call.
    batch: int | None = None
    # For each output, whether it has a time axis that grows with the time axis of the input. None:
    # it has one if the extent of the second axis is not fixed.
    has_time: list | None = None
    # The format of its file: "keras", "h5", or "weights.h5" with to_json() in another file.
    file_format: str = "keras"
    # Whether masks may have a row without any unmasked timestep.
    may_mask_all: bool = True

    @classmethod
    def of_frames(cls, random, chain, features, mask_value=None, **options):
        """Returns a Sequential of the layers over frames of `features` features; options: of the
        Sample."""
        model = random.sequential(chain, (None, features))
        return cls(model, [Floats((None, features), mask_value)], **options)

    def save(self, path):
        """Writes the model; returns the file of its configuration if it is separate, else None."""
        if self.file_format != "weights.h5":
            self.model.save(path)
            return None
        self.model.save_weights(path)
        config = path.with_name("config.json")
        config.write_text(self.model.to_json())
        return config

    def __post_init__(self):
        if len(self.model.inputs) + len(self.model.outputs) > 2:
            # The calls of this test in parts have one input and one output.
            self.kinds, self.refuses_sessions = WHOLE, False


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
    # The number of its cases, relative to other features.
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
    """Registers the decorated function, which makes a Sample from a Random, as a feature."""
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
