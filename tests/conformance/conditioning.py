# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a random model shows anything: it must not explode, nor magnify every rounding.

Recurrence multiplies errors: a GRU of relu with tanh for gates, or a LayerNormalization of two
nearly equal numbers, can turn the last bit of a weight into more than the whole tolerance. What
such a model gives is decided by the order of additions, in Keras as well. Only Keras is asked here,
so that nothing the server does can excuse itself.
"""

import contextlib

import numpy as np
import recorder
from feature import TRAINING

# No output or state may be beyond this.
LARGEST_VALUE = 20.0
# The part of the tolerance that Keras' own results may move by when weights move by a rounding.
LARGEST_SHARE = 0.5
_ROUNDING = 2.0**-23


def is_tame(model, calls, tolerance):
    """calls: with the results of `model`."""
    if max(_largest(call) for call in calls) > LARGEST_VALUE:
        return False
    with _rounded_weights(model):
        return all(_share(model, call, tolerance) <= LARGEST_SHARE for call in calls)


def _results(call):
    return [*call.outputs, *call.states.values()]


def _largest(call):
    """NaN is no reason to tame a model: an average of nothing is NaN in Keras too."""
    return max(
        np.nan_to_num(np.abs(value), nan=0.0).max(initial=0.0) for value in _results(call)
    )


@contextlib.contextmanager
def _rounded_weights(model):
    """Each float32 weight is a little larger or smaller, meanwhile."""
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
    """The largest part of the tolerance by which results differ from those noted in `call`."""
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
