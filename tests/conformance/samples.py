# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares random outputs: many samples of one row from Keras, and as many from the server."""

import numpy as np
from compare import Beyond, Distance

SAMPLES = 4000
# A correct implementation exceeds this limit in one of 10^8 comparisons of two numbers.
STANDARD_ERRORS = 6.0
# The tolerance for values that are not random: sums of many equal numbers.
_ROUNDING = 1e-5


def compare_samples(call, served):
    """Compares the mean and the standard deviation of each element of each output."""
    distance = Distance()
    for i, (ours, keras) in enumerate(zip(served, call.outputs, strict=True)):
        if ours.shape != keras.shape:
            raise AssertionError(f"output {i} has shape {ours.shape}, Keras has {keras.shape}")
        distance.add(_distance(ours.astype(np.float64), keras.astype(np.float64), f"output {i}"))
    return distance


def _distance(ours, keras, what):
    distance = Distance()
    for name, moment in (("mean", _mean), ("standard deviation", _deviation)):
        (our_value, our_error), (keras_value, keras_error) = moment(ours), moment(keras)
        apart = np.abs(our_value - keras_value)
        allowed = STANDARD_ERRORS * np.hypot(our_error, keras_error) + _ROUNDING
        shares = apart / allowed
        worst = np.unravel_index(shares.argmax(), shares.shape)
        found = Distance(float(apart.max()), 0.0, float(shares.max()))
        if not found.share <= 1.0:
            raise Beyond(
                f"the {name} of {what}{list(map(int, worst))} is {our_value[worst]:.5g}, that of "
                f"Keras {keras_value[worst]:.5g}: {STANDARD_ERRORS * found.share:.3g} standard "
                "errors apart",
                found,
            )
        distance.add(found)
    return distance


def _mean(values):
    """Returns the mean over the samples, and its standard error."""
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


def _deviation(values):
    """Returns the standard deviation over the samples, and its standard error to first order."""
    centered = values - values.mean(axis=0)
    variance = (centered**2).mean(axis=0)
    fourth = (centered**4).mean(axis=0)
    safe = np.maximum(variance, 1e-12)
    error = np.sqrt(np.maximum(fourth - variance**2, 0.0) / (4.0 * safe * len(values)))
    return np.sqrt(variance), np.where(variance > 1e-12, error, 0.0)


def expect_reproducible(first, again, other):
    """Raises unless equal seeds give equal bits, other seeds other bits, and rows differ."""
    for i, (ours, same, different) in enumerate(zip(first, again, other, strict=True)):
        if ours.tobytes() != same.tobytes():
            raise AssertionError(f"output {i} differs from the one before with the same seed")
        is_random = (ours != ours[:1]).any()
        if is_random and ours.tobytes() == different.tobytes():
            raise AssertionError(f"output {i} does not depend on the seed")
