# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The goals of a run, and how results are printed."""

import dataclasses
import statistics


@dataclasses.dataclass
class Result:
    """One line of the table: the ratio in each turn, and the numbers it was computed from."""

    title: str
    values: list
    goal: float | None  # None: shown for comparison only
    is_at_most: bool = False  # the goal is an upper bound
    parts: str = ""

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def is_met(self):
        if self.goal is None:
            return True
        return self.median <= self.goal if self.is_at_most else self.median >= self.goal

    def to_json(self):
        return {"title": self.title, "median": self.median, "values": self.values,
                "goal": self.goal, "is_at_most": self.is_at_most, "is_met": self.is_met,
                "parts": self.parts}

    def line(self):
        spread = f"{min(self.values):.3g} to {max(self.values):.3g}"
        verdict, goal = "-     ", " " * 9
        if self.goal is not None:
            verdict = "met   " if self.is_met else "MISSED"
            goal = f"{'<=' if self.is_at_most else '>='} {self.goal:<6g}"
        text = (f"{verdict} {self.median:8.3g} {goal} "
                f"{self.title} ({len(self.values)} turns, {spread})")
        return f"{text}\n         {self.parts}" if self.parts else text
