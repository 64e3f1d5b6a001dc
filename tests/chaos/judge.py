# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The promises that several scenarios share, judged by a tally."""

from outcome import Line
from tally import as_text, quantile

# The remedies of errors that the library repairs.
REPAIRED = {"resend", "wait", "attach", "move_on"}


def judge_load(outcome, tally):
    """Adds the load to the outcome, and judges the promises that every scenario makes."""
    outcome.steps += tally.steps
    outcome.load_seconds += tally.seconds
    outcome.stillness = max(outcome.stillness, tally.stillness)
    outcome.lines += [
        Line("wrong outputs", "0", f"{tally.wrong} of {tally.steps}", tally.wrong == 0),
        Line("sessions set back silently", "0",
             f"{tally.silent} ({tally.regressions} set back)", tally.silent == 0),
    ]


def judge_none_lost(outcome, tally):
    outcome.lines.append(Line("sessions lost by the client", "0",
                              f"{tally.lost} ({as_text(tally.ended)})", tally.lost == 0))


def judge_gaps(outcome, tally, what, goal_seconds):
    p99 = quantile(tally.gaps, 0.99)
    outcome.lines.append(Line(
        what, f"<= {goal_seconds:g} s",
        f"{p99:.2f} s (median {quantile(tally.gaps, 0.5):.2f}, longest "
        f"{max(tally.gaps, default=float('nan')):.2f}, {len(tally.gaps)} times)",
        p99 <= goal_seconds))


def judge_errors(outcome, tally):
    bad = {what for remedy, what in tally.errors if remedy not in REPAIRED}
    seen = {f"{what} ({remedy})": number for (remedy, what), number in tally.errors.items()}
    text = ", ".join(f"{what} {number}" for what, number in sorted(seen.items())) or "none"
    outcome.lines.append(Line("errors below the library", "retryable ones", text, not bad))
    outcome.lines.append(
        Line("errors above the library", "0", as_text(tally.refused), not tally.refused))
