# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the sessions of a load saw."""

import collections
import math
import threading
import time


def quantile(values, share):
    """The smallest value that `share` of them do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Tally:
    """Thread-safe through `note` and `count`; read it when the load has ended."""

    def __init__(self):
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self.seconds = 0.0
        self.stillness = 0.0  # Seconds for which no thread of this program ran, at most.
        self.steps = 0
        # Outputs that are not those of the chain, and replies of another version: never to happen.
        self.wrong = 0
        self.regressions = 0  # Sessions found before a version that they were told is durable.
        self.silent = 0  # Those of them that the library did not report.
        self.resumptions = 0
        self.gaps = []  # Seconds from the last output before a resumption to the first behind it.
        self.ended = collections.Counter()  # Sessions that could not be mended, by the reason.
        self.refused = collections.Counter()  # Calls that the library gave up, by code and reason.
        self.errors = collections.Counter()  # What it saw below, by remedy, code and reason.

    def count(self, name, number=1):
        with self._lock:
            setattr(self, name, getattr(self, name) + number)

    def note(self, counter, what):
        with self._lock:
            getattr(self, counter)[what] += 1

    def note_gap(self, seconds):
        with self._lock:
            self.gaps.append(seconds)

    def add(self, other):
        """Another one that has ended."""
        for name, value in vars(other).items():
            if name == "stillness":
                self.stillness = max(self.stillness, value)
            elif not name.startswith("_"):
                setattr(self, name, getattr(self, name) + value)

    def end(self):
        self.seconds = time.monotonic() - self._begin

    @property
    def rate(self):
        return self.steps / self.seconds if self.seconds else 0.0

    @property
    def lost(self):
        return sum(self.ended.values())


def told(counter):
    """A counter as text."""
    return ", ".join(f"{what} {number}" for what, number in counter.most_common()) or "none"
