# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The counts of a load's sessions."""

import collections
import math
import threading
import time


def quantile(values, share):
    """Returns the smallest value that a share of the values does not exceed; NaN for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Tally:
    """Thread-safe through `note` and `count`; read it after the load has ended."""

    def __init__(self):
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self.seconds = 0.0
        self.stillness = 0.0  # The longest time in seconds without any thread running.
        self.steps = 0
        # The number of outputs outside the chain and of replies with another version. It must stay
        # 0.
        self.wrong = 0
        self.regressions = 0  # Sessions found before a version reported as durable.
        self.silent = 0  # Those that the library did not report.
        self.resumptions = 0
        self.gaps = []  # Seconds from the last output before a resumption to the first after it.
        self.ended = collections.Counter()  # Sessions that could not be repaired, by reason.
        self.refused = collections.Counter()  # Calls that the library gave up, by code and reason.
        self.errors = collections.Counter()  # Errors that it saw, by remedy, code and reason.

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
        """Adds the counts of another tally, whose load has ended."""
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


def as_text(counter):
    """Returns a counter as text."""
    return ", ".join(f"{what} {number}" for what, number in counter.most_common()) or "none"
