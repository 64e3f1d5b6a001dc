# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The difference between the server's results and Keras'."""

import dataclasses

import numpy as np

# Relative errors are reported only for values at least this far from zero. The tolerance covers all
# values.
RELATIVE_FLOOR = 0.01


@dataclasses.dataclass
class Distance:
    """The largest errors seen; `share` is the largest share of the tolerance that a value took."""

    absolute: float = 0.0
    relative: float = 0.0
    share: float = 0.0

    def add(self, other):
        self.absolute = max(self.absolute, other.absolute)
        self.relative = max(self.relative, other.relative)
        self.share = max(self.share, other.share)


def distance_of(served, expected, tolerance, what):
    """Raises AssertionError if shapes differ or a value is beyond the tolerance."""
    expected = np.asarray(expected)
    if served.shape != expected.shape:
        raise AssertionError(f"{what} has shape {served.shape}, Keras has {expected.shape}")
    if not expected.size:
        return Distance()
    expected = expected.astype(np.float64)
    errors = np.abs(served.astype(np.float64) - expected)
    errors[np.isnan(errors)] = np.inf
    shares = errors / (tolerance.absolute + tolerance.relative * np.abs(expected))
    distant = np.abs(expected) >= RELATIVE_FLOOR
    relative = (errors[distant] / np.abs(expected[distant])).max(initial=0.0)
    worst = np.unravel_index(shares.argmax(), shares.shape)
    distance = Distance(float(errors.max()), float(relative), float(shares.max()))
    if distance.share > 1.0:
        raise Beyond(
            f"{what}{list(map(int, worst))} is {served[worst]:.9g}, Keras has "
            f"{expected[worst]:.9g}: {distance.share:.3g} times the tolerance",
            distance,
        )
    return distance


class Beyond(AssertionError):
    """A value is beyond the tolerance."""

    def __init__(self, text, distance):
        super().__init__(text)
        self.distance = distance


def compare_infer(call, served, tolerance):
    outputs, states = served
    distance = Distance()
    for i, (ours, keras) in enumerate(zip(outputs, call.outputs, strict=True)):
        distance.add(distance_of(ours, keras, tolerance, f"output {i} "))
    expect_same_names(states, call.states)
    for key, keras in call.states.items():
        distance.add(distance_of(states[key], keras, tolerance, f"state {'/'.join(key)} "))
    return distance


def compare_steps(call, served, with_time, tolerance):
    """Compares the results of sessions. Returns their Distance, or raises as distance_of does.

    with_time: for each output, whether it has a time axis.
    """
    outputs, states = served
    distance = Distance()
    for row, replies in outputs.items():
        begin = 0
        for end, parts in replies:
            for i, (part, has_time) in enumerate(zip(parts, with_time, strict=True)):
                if has_time:
                    keras = call.outputs[i][row, begin:end]
                else:
                    keras = call.prefix_outputs[end][i][row]
                what = f"output {i} of row {row} at [{begin}, {end}) "
                distance.add(distance_of(part, keras, tolerance, what))
            begin = end
        expect_same_names(states[row], call.states)
        for key, keras in call.states.items():
            what = f"state {'/'.join(key)} of row {row} "
            distance.add(distance_of(states[row][key], keras[row], tolerance, what))
    return distance


def expect_same_names(served, expected):
    if served.keys() != expected.keys():
        ours, keras = (sorted("/".join(key) for key in keys) for keys in (served, expected))
        raise AssertionError(f"the states are {ours}, Keras has {keras}")
