# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The promises of a scenario and their measured results, and the table of both."""

import dataclasses
import math
import statistics

# Below this load, the faults hit nothing and a run proves nothing.
MIN_STEPS_PER_SECOND = 200
# A shorter standstill cannot explain a missed promise.
MIN_REPORTED_STILLNESS_SECONDS = 0.5
# The probability that a promise is reported as missed only because of other work on the machine.
CHANCE = 0.025


@dataclasses.dataclass
class Line:
    """One promise: its name, the goal as text, the measured result, and whether the goal is met.
    With `is_noise` this cannot be decided: other work on the machine had a larger effect."""

    promise: str
    goal: str
    measured: str
    is_met: bool
    is_noise: bool = False

    @property
    def verdict(self):
        return "met" if self.is_met else "NOISE" if self.is_noise else "MISSED"


def line_of_ratios(promise, goal, ratios, most, measured):
    """Judges the ratios of several turns by their median, which must not exceed `most`. A median
    above it is noise unless chance alone does not explain the turns: see sure_median."""
    is_met = statistics.median(ratios) <= most
    return Line(promise, goal, measured, is_met, not is_met and sure_median(ratios) <= most)


def sure_median(values):
    """Returns a lower bound of the median of the distribution of `values`, which is wrong with
    probability CHANCE: the lower end of the interval of the sign test, which assumes nothing about
    the distribution. Fewer than six values have no such bound; then it returns -infinity."""
    below, rank = 0.5 ** len(values), 0  # P(at most `rank` of them are below it).
    while below <= CHANCE:
        rank += 1
        below += math.comb(len(values), rank) * 0.5 ** len(values)
    return sorted(values)[rank - 1] if rank else -math.inf


@dataclasses.dataclass
class Outcome:
    """The outcome of a scenario. `error` stopped it early. Without lines it proves nothing."""

    name: str
    seconds: float = 0.0
    lines: list = dataclasses.field(default_factory=list)
    steps: int = 0
    load_seconds: float = 0.0
    stillness: float = 0.0  # See Tally.
    error: str = ""

    @property
    def rate(self):
        return self.steps / self.load_seconds if self.load_seconds else 0.0

    @property
    def is_void(self):
        return not self.error and self.rate < MIN_STEPS_PER_SECOND

    @property
    def is_met(self):
        """Returns whether no promise was missed; noise is reported but does not count."""
        return (not self.error and not self.is_void and bool(self.lines)
                and all(line.is_met or line.is_noise for line in self.lines))

    def to_json(self):
        lines = [{**dataclasses.asdict(line), "verdict": line.verdict} for line in self.lines]
        return {"name": self.name, "seconds": round(self.seconds, 1), "is_met": self.is_met,
                "is_void": self.is_void, "steps_per_second": round(self.rate), "steps": self.steps,
                "stillness_seconds": round(self.stillness, 3), "error": self.error, "lines": lines}

    def table(self):
        """Returns its rows, in Markdown."""
        name, seconds = self.name, f"{self.seconds:.0f}"
        for line in self.lines:
            yield row(name, line.promise, line.goal, line.measured, line.verdict, seconds)
            name = seconds = ""
        if self.error:
            yield row(name, "finishes", "yes", self.error, "MISSED", seconds)
        else:
            yield row("", "load (otherwise void)", f">= {MIN_STEPS_PER_SECOND} steps/s",
                      f"{self.rate:.0f} steps/s{self._stillness_text()}",
                      "VOID" if self.is_void else "met", "")

    def _stillness_text(self):
        if self.stillness < MIN_REPORTED_STILLNESS_SECONDS:
            return ""
        return f" (this machine stood still for {self.stillness:.1f} s)"


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def head():
    names = ("scenario", "promise", "goal", "measured", "verdict", "seconds")
    return [row(*names), row(*("---" for _ in names))]
