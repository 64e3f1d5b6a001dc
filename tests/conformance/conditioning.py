# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks that a random model is a useful test: it must not explode or magnify every rounding.

Recurrence multiplies errors. A GRU of relu with tanh for gates, or a LayerNormalization of two
nearly equal numbers, can turn the last bit of a weight into more than the whole tolerance. The
results of such a model depend on the order of additions, in Keras as well. The check runs Keras
only, so that an error of the server cannot hide itself.
"""

import contextlib

import numpy as np
import recorder
from feature import TRAINING

# The largest magnitude that an output or state may have.
LARGEST_VALUE = 20.0
# The share of the tolerance by which Keras' results may change when weights change by a rounding
# error.
LARGEST_SHARE = 0.5
_ROUNDING = 2.0**-23


def is_tame(model, calls, tolerance):
    """Returns whether the model neither explodes nor magnifies rounding errors too much. `calls`
    have the results of the model."""
    if max(_largest(call) for call in calls) > LARGEST_VALUE:
        return False
    with _rounded_weights(model):
        return all(_share(model, call, tolerance) <= LARGEST_SHARE for call in calls)


def _results(call):
    return [*call.outputs, *call.states.values()]


def _largest(call):
    """Returns the largest magnitude of the results. Ignores NaN, which is no reason to tame a
    model: the average of nothing is NaN in Keras too."""
    return max(
        np.nan_to_num(np.abs(value), nan=0.0).max(initial=0.0) for value in _results(call)
    )


@contextlib.contextmanager
def _rounded_weights(model):
    """Makes each float32 weight a little larger or smaller inside the `with` block."""
    signs = np.random.default_rng(0)
    exact = [(weight, np.array(weight)) for weight in model.weights if weight.dtype == "float32"]
    for weight, value in exact:
        weight.assign(value * (1.0 + _ROUNDING * signs.choice([-1.0, 1.0], value.shape)))
    try:
        yield
    finally:
        for weight, value in exact:
            weight.assign(value)


def _share(model, call, tolerance):
    """Returns the largest difference from the results in `call`, as a share of the tolerance."""
    if call.kind == TRAINING:
        return 0.0
    outputs, states = recorder.run(model, call.inputs, call.masks, call.initial_states)
    return max(
        _distance(now, noted, tolerance)
        for now, noted in zip([*outputs, *states.values()], _results(call), strict=True)
    )


def _distance(now, noted, tolerance):
    noted = noted.astype(np.float64)
    allowed = tolerance.absolute + tolerance.relative * np.abs(noted)
    return np.nan_to_num(np.abs(now - noted) / allowed).max(initial=0.0)
