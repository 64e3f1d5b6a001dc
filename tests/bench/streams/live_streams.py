# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Live streams: when their frames arrive, and the search for the largest number that is served."""

import random

FRAME_SECONDS = 0.032  # 512 samples at 16 kHz.
P99_SECONDS = 0.010  # What a stream waits for an answer, at most, in 99 of 100 cases.


def draw_phases(num_messages, seed):
    """Returns when each of the sources sends its first message, in order, within one frame."""
    generator = random.Random(seed)
    return sorted(generator.uniform(0, FRAME_SECONDS) for _ in range(num_messages))


def arrivals(num_messages, seconds, seed):
    """Returns the times of all messages: every source sends one in every FRAME_SECONDS, at a phase
    of its own. The messages of source i are at the places i, i + num_messages, ..."""
    phases = draw_phases(num_messages, seed)
    return [frame * FRAME_SECONDS + phase
            for frame in range(int(seconds / FRAME_SECONDS)) for phase in phases]


def largest_served(is_served, guess, unit, precision=0.04, most=65536):
    """Returns the largest number of streams, a multiple of `unit`, for which is_served(number) is
    true, to within `precision` of it; 0 if there is none.

    Doubles or halves `guess` until the answer changes, then bisects. What is not served once is
    asked again, because a pause of the machine hits every server.
    """
    def holds(number):
        return is_served(number * unit) or is_served(number * unit)

    low = max(1, guess // unit)  # In units, as all numbers below.
    if holds(low):
        high = 2 * low
        while high * unit <= most and holds(high):
            low, high = high, 2 * high
        high = min(high, most // unit + 1)  # More is not asked.
    else:
        high, low = low, low // 2
        while low > 0 and not holds(low):
            high, low = low, low // 2
        if low == 0:
            return 0
    while high - low > max(1, int(precision * low)):
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low * unit
