# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a scenario promised and what was measured, and how both are told."""

import dataclasses
import math
import statistics

# Below that the faults meet nothing, and a run says nothing.
MIN_STEPS_PER_SECOND = 200
# Less than that is no reason for anything that is judged.
MIN_TOLD_STILLNESS_SECONDS = 0.5
# That a promise is told to be missed only because of what else the machine did.
CHANCE = 0.025


@dataclasses.dataclass
class Line:
    """One promise: what, the goal as text, what was measured, and whether that is met. With
    `is_noise` that cannot be told: other work on the machine moved the measurement by more."""

    promise: str
    goal: str
    measured: str
    is_met: bool
    is_noise: bool = False

    @property
    def verdict(self):
        return "met" if self.is_met else "NOISE" if self.is_noise else "MISSED"


def line_of_ratios(promise, goal, ratios, most, measured):
    """Judges the ratios of several turns by their median, which `most` bounds. A median above it is
    noise unless the turns show that it is above, whatever chance did: see sure_median."""
    is_met = statistics.median(ratios) <= most
    return Line(promise, goal, measured, is_met, not is_met and sure_median(ratios) <= most)


def sure_median(values):
    """What the median of the distribution of `values` is not below, but for CHANCE: the lower end
    of the interval of the sign test, which asks nothing of the distribution. Fewer than six values
    have none: then it is less than any number."""
    below, rank = 0.5 ** len(values), 0  # The chance that at most `rank` of them are below it.
    while below <= CHANCE:
        rank += 1
        below += math.comb(len(values), rank) * 0.5 ** len(values)
    return sorted(values)[rank - 1] if rank else -math.inf


@dataclasses.dataclass
class Outcome:
    """One scenario. `error` is what kept it from its end; without lines it has told nothing."""

    name: str
    seconds: float = 0.0
    lines: list = dataclasses.field(default_factory=list)
    steps: int = 0
    load_seconds: float = 0.0
    stillness: float = 0.0  # As Tally has it.
    error: str = ""

    @property
    def rate(self):
        return self.steps / self.load_seconds if self.load_seconds else 0.0

    @property
    def is_void(self):
        return not self.error and self.rate < MIN_STEPS_PER_SECOND

    @property
    def is_met(self):
        """Whether nothing was missed; noise is told, and does not count."""
        return (not self.error and not self.is_void and bool(self.lines)
                and all(line.is_met or line.is_noise for line in self.lines))

    def to_json(self):
        lines = [{**dataclasses.asdict(line), "verdict": line.verdict} for line in self.lines]
        return {"name": self.name, "seconds": round(self.seconds, 1), "is_met": self.is_met,
                "is_void": self.is_void, "steps_per_second": round(self.rate), "steps": self.steps,
                "stillness_seconds": round(self.stillness, 3), "error": self.error, "lines": lines}

    def table(self):
        """Its rows, for people and for Markdown."""
        name, seconds = self.name, f"{self.seconds:.0f}"
        for line in self.lines:
            yield row(name, line.promise, line.goal, line.measured, line.verdict, seconds)
            name = seconds = ""
        if self.error:
            yield row(name, "comes to its end", "yes", self.error, "MISSED", seconds)
        else:
            yield row("", "load, or the run is void", f">= {MIN_STEPS_PER_SECOND} steps/s",
                      f"{self.rate:.0f} steps/s{self._told_stillness()}",
                      "VOID" if self.is_void else "met", "")

    def _told_stillness(self):
        if self.stillness < MIN_TOLD_STILLNESS_SECONDS:
            return ""
        return f" (this machine stood still for {self.stillness:.1f} s)"


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def head():
    names = ("scenario", "promise", "goal", "measured", "verdict", "seconds")
    return [row(*names), row(*("---" for _ in names))]
