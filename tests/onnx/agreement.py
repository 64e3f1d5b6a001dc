# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether two arrays agree."""

import numpy as np

# A value may be this far away, plus this much of the expected value.
ABSOLUTE = 2e-6
RELATIVE = 1e-5


def difference(ours, expected, absolute=ABSOLUTE, relative=RELATIVE):
    """Returns what is wrong as a text, or an empty one. Truth values count as 0 and 1."""
    expected = np.asarray(expected)
    if expected.dtype == object or expected.dtype.kind in "US":
        return "the expected value is text"
    expected = expected.astype(np.float64)
    ours = np.asarray(ours, np.float64)
    if ours.shape != expected.shape:
        return f"the shape is {ours.shape}, not {expected.shape}"
    with np.errstate(invalid="ignore"):
        is_same = (ours == expected) | (np.isnan(ours) & np.isnan(expected))
        error = np.where(is_same, 0.0, np.abs(ours - expected))
        share = error / (absolute + relative * np.abs(expected))
    share = np.where(is_same, 0.0, np.where(np.isnan(share), np.inf, share))
    if not share.size or share.max() <= 1.0:
        return ""
    worst = np.unravel_index(share.argmax(), share.shape)
    return (
        f"element {list(map(int, worst))} is {ours[worst]:.9g}, not {expected[worst]:.9g}: "
        f"{share[worst]:.3g} times the tolerance"
    )
