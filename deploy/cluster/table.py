# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of a cluster: a line for the clients, and one for each replica."""

import math
from dataclasses import dataclass, field

from metrics_page import MetricsPage

HEAD = "  N      pid  state     sessions  steps/s   p99 ms  errors"


@dataclass
class Look:
    """The state of a replica at one moment."""

    state: str
    pid: int = 0
    page: MetricsPage = field(default_factory=MetricsPage)


def look_at(replica):
    """Asks a replica; takes less than a second. Used by one thread at a time."""
    state = replica.state()
    if state in ("serving", "draining"):
        try:
            return Look(state, replica.pid, replica.metrics())
        except OSError:
            pass  # It has just ended or hangs: the next look will show it.
    return Look(state, replica.pid if replica.is_running() else 0)


class Table:
    """Remembers the previous look, because rates and errors are relative to it."""

    def __init__(self):
        self._seconds = 0.0
        self._looks = {}
        self._steps = 0
        self._errors = {}

    def lines(self, seconds, looks, tally):
        """Returns the current lines; `looks` is by the number of the replica."""
        passed = max(seconds - self._seconds, 1e-3)
        lines = [self._line_of_clients(seconds, passed, tally), HEAD]
        lines += [self._line_of_replica(number, look, passed) for number, look in looks.items()]
        self._seconds = seconds
        # A replica that is down keeps its last page, so that nothing is counted twice when it
        # returns.
        self._looks.update({number: look for number, look in looks.items() if look.pid})
        self._steps, self._errors = tally.steps, dict(tally.errors)
        return lines

    def _line_of_clients(self, seconds, passed, tally):
        new = {what: number - self._errors.get(what, 0) for what, number in tally.errors.items()}
        told = ", ".join(f"{what} {number}" for what, number in sorted(new.items()) if number)
        rate = (tally.steps - self._steps) / passed
        return (f"{seconds:6.1f} s  {rate:.0f} steps/s answered; sessions resumed {tally.resumed}, "
                f"lost {tally.lost}; errors: {told or 'none'}")

    def _line_of_replica(self, number, look, passed):
        if not look.page:
            return f"{number:3}  {look.pid or '-':>7}  {look.state}"
        last = self._looks.get(number)
        before = last.page if last and last.pid == look.pid else MetricsPage()
        page = look.page
        rate = page.growth(before, "rnnserve_steps_total") / passed
        p99 = page.quantile(before, 0.99, "rnnserve_request_duration_seconds", method="Step") * 1000
        return (f"{number:3}  {look.pid:>7}  {look.state:8}  {page.total('rnnserve_sessions'):8.0f}"
                f"  {rate:7.0f}  {'-' if math.isnan(p99) else format(p99, '.1f'):>7}"
                f"  {page.growth(before, 'rnnserve_errors_total'):6.0f}")


def summary(tally):
    told = ", ".join(f"{what} {number}" for what, number in sorted(tally.errors.items()))
    return (f"{tally.steps} steps answered, {tally.resumed} sessions resumed, {tally.lost} lost "
            f"and begun anew, {tally.wrong} wrong replies; errors: {told or 'none'}")
