# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The calls of a model, and the results of Keras for each."""

import dataclasses

import conditioning
import numpy as np
import recorder
from feature import CHUNKS, REUSED, STEPS, TRAINING, Floats
from random_source import Random, random_weights
from samples import SAMPLES

CALLS_OF_A_MODEL = 4
# The number of times that weights may be halved. A model that is not tame by then is compared as it
# is.
MOST_HALVINGS = 10


@dataclasses.dataclass
class Call:
    """One case: a call of a model, and its expected results."""

    kind: str
    inputs: list
    masks: list | None = None
    initial_states: dict | None = None
    # The lengths of the parts that the timesteps of each row are divided into. They add up to the
    # time.
    cuts: list | None = None
    outputs: list = dataclasses.field(default_factory=list)
    states: dict = dataclasses.field(default_factory=dict)
    # The outputs without a time axis, after the first t timesteps: {t: list of arrays}.
    prefix_outputs: dict = dataclasses.field(default_factory=dict)

    @property
    def batch(self):
        return len(self.inputs[0])

    def copies(self, count):
        """Returns inputs and masks with each row repeated that many times."""
        masks = self.masks and [np.repeat(mask, count, axis=0) for mask in self.masks]
        return [np.repeat(value, count, axis=0) for value in self.inputs], masks

    def describe(self):
        shapes = ", ".join(str(list(value.shape)) for value in self.inputs)
        extras = [name for name in ("masks", "initial_states") if getattr(self, name) is not None]
        cuts = f", rows in parts of {self.cuts}" if self.kind == CHUNKS else ""
        return f"{self.kind} of {shapes}{''.join(' with ' + extra for extra in extras)}{cuts}"


def make(sample, name, tolerance, count=CALLS_OF_A_MODEL, tiny=False):
    """Returns the calls of a sample with Keras' results. Halves its weights until it is tame."""
    shapes = recorder.state_shapes(sample.model, sample.time_limits[1])
    randoms = [Random(*name, "call", i, tiny=tiny) for i in range(count)]
    calls = [_make_call(sample, shapes, random, i) for i, random in enumerate(randoms)]
    for attempt in range(MOST_HALVINGS + 1):
        if attempt > 0:
            for weight in random_weights(sample.model):
                weight.assign(weight * 0.5)
        for call in calls:
            _run(sample, call)
        if conditioning.is_tame(sample.model, calls, tolerance):
            break
    return calls


def _make_call(sample, shapes, random, number):
    kind = sample.kinds[number % len(sample.kinds)]
    batch = 1 if kind == TRAINING else sample.batch or _batch(random)
    first, last = sample.time_limits
    time = random.integer(first, min(last, max(first, 4)) if random.tiny else last)
    padding = random.mask(batch, time, sample.may_mask_all)
    inputs = [_input_values(entry, batch, time, padding, random) for entry in sample.inputs]
    call = Call(kind, inputs)
    if sample.takes_mask and random.chance():
        call.masks = [
            random.mask(batch, value.shape[1], sample.may_mask_all) if None in entry.shape else None
            for entry, value in zip(sample.inputs, call.inputs)
        ]
    if sample.takes_state and shapes and random.chance():
        call.initial_states = {
            key: random.normal((batch, *shape), 0.7) for key, shape in shapes.items()
        }
    if kind in (CHUNKS, STEPS, REUSED):
        call.cuts = [random.cuts(time) if kind == CHUNKS else [1] * time for _ in range(batch)]
        if sample.batch:
            call.cuts = [call.cuts[0]] * batch
    return call


def _batch(random):
    if random.tiny:
        return random.integer(1, 3)
    return random.integer(1, 4) if random.chance(0.9) else random.integer(5, 20)


def _input_values(entry, batch, time, padding, random):
    shape = (batch, *(time if extent is None else extent for extent in entry.shape))
    if isinstance(entry, Floats):
        values = random.normal(shape)
        if entry.mask_value is not None:
            values[~padding] = entry.mask_value
        return values
    ids = random.integers(shape, entry.limit)
    return np.where(padding, ids, 0).astype(np.int32) if entry.padded else ids


def _run(sample, call):
    model = sample.model
    if call.kind == TRAINING:
        call.outputs = _run_samples(model, call)
        return
    call.outputs, call.states = recorder.run(model, call.inputs, call.masks, call.initial_states)
    if call.cuts is None:
        return
    if sample.batch:
        _run_stateful(sample, call)
        return
    ends = {sum(lengths[: i + 1]) for lengths in call.cuts for i in range(len(lengths))}
    for end in ends if not all(has_time(sample)) else ():
        call.prefix_outputs[end] = _run_part(model, call, 0, end)


def _run_samples(model, call):
    """Returns the outputs of many runs of each row of a call, each with new random numbers."""
    with recorder.keeping_states():
        return recorder.run(model, *call.copies(SAMPLES), training=True)[0]


def _run_part(model, call, begin, end):
    """Returns the outputs of the timesteps [begin, end)."""
    masks = call.masks and [None if mask is None else mask[:, begin:end] for mask in call.masks]
    inputs = [value[:, begin:end] for value in call.inputs]
    states = call.initial_states if begin == 0 else None
    return recorder.run(model, inputs, masks, states)[0]


def _run_stateful(sample, call):
    """Calls the model part by part while its layers keep their states: Keras' own streaming."""
    recorder.reset_states(sample.model)
    begin = 0
    for length in call.cuts[0]:
        end = begin + length
        with recorder.keeping_states():
            parts = _run_part(sample.model, call, begin, end)
        for whole, part, with_time in zip(call.outputs, parts, has_time(sample), strict=True):
            if with_time:
                whole[:, begin:end] = part
        call.prefix_outputs[end] = parts
        begin = end
    recorder.reset_states(sample.model)


def has_time(sample):
    """Returns, for each output of a model that streams, whether it has a time axis."""
    if sample.has_time is not None:
        return sample.has_time
    return [len(output.shape) > 1 and output.shape[1] is None for output in sample.model.outputs]
