# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a scenario promised and what was measured, and how both are told."""

import dataclasses
import statistics

# Below that the faults meet nothing, and a run says nothing.
MIN_STEPS_PER_SECOND = 200


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


def line_of_ratios(promise, goal, ratios, most, measured, undisturbed=()):
    """Judges the ratios of several turns by their median, which `most` bounds. A median above it is
    noise if the best quarter of the turns is within it, or if the measurements of the `undisturbed`
    halves of the turns differ among themselves by more than that; otherwise it is missed."""
    median = statistics.median(ratios)
    low = sorted(ratios)[(len(ratios) - 1) // 4]
    own_ratio = max(undisturbed) / min(undisturbed) if undisturbed else 1.0
    is_noise = median > most and (low <= most or own_ratio > median)
    return Line(promise, goal, measured, median <= most, is_noise)


@dataclasses.dataclass
class Outcome:
    """One scenario. `error` is what kept it from its end; without lines it has told nothing."""

    name: str
    seconds: float = 0.0
    lines: list = dataclasses.field(default_factory=list)
    steps: int = 0
    load_seconds: float = 0.0
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
                "error": self.error, "lines": lines}

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
                      f"{self.rate:.0f} steps/s", "VOID" if self.is_void else "met", "")


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def head():
    names = ("scenario", "promise", "goal", "measured", "verdict", "seconds")
    return [row(*names), row(*("---" for _ in names))]
