# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The metrics page of a server: totals, and the growth between two pages."""

import math
import re
import urllib.request

LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')


class MetricsPage:
    """Immutable; safe to share."""

    def __init__(self, text=""):
        matches = (LINE.match(line) for line in text.splitlines())
        self._rows = [(match[1], dict(LABEL.findall(match[2] or "")), float(match[3]))
                      for match in matches if match]

    @classmethod
    def of(cls, address, timeout_s=0.4):
        """Requests the page of a server. Raises OSError if it does not answer."""
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=timeout_s) as page:
            return cls(page.read().decode())

    def __bool__(self):
        return bool(self._rows)

    def total(self, name, **labels):
        """Returns the sum over all rows of that name that have those labels."""
        return sum(value for row, own, value in self._rows
                   if row == name and labels.items() <= own.items())

    def growth(self, before, name, **labels):
        """Returns the growth of a counter since the page before; a restart resets the counter."""
        now, then = self.total(name, **labels), before.total(name, **labels)
        return now - then if now >= then else now

    def quantile(self, before, share, name, **labels):
        """Returns a quantile of a histogram's observations since the page before, or NaN if there
        are none. It interpolates linearly between two bounds, as Prometheus does."""
        bounds = sorted({float(own["le"]) for row, own, _ in self._rows
                         if row == f"{name}_bucket" and labels.items() <= own.items()})
        texts = {float(own["le"]): own["le"] for row, own, _ in self._rows
                 if row == f"{name}_bucket"}
        counts = [self.growth(before, f"{name}_bucket", le=texts[bound], **labels)
                  for bound in bounds]
        if not counts or counts[-1] == 0:
            return math.nan
        return _interpolate(bounds, counts, share * counts[-1])


def _interpolate(bounds, counts, rank):
    low, below = 0.0, 0
    for bound, count in zip(bounds, counts):
        if count >= rank:
            share = (rank - below) / (count - below)
            return low if math.isinf(bound) else low + (bound - low) * share
        low, below = bound, count
    return low
