# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of a run."""

import dataclasses
import json

from compare import Distance
from feature import REGISTRY
from features import DEVIATIONS
from reference import keras
from worker import FAILED, PASSED, REFUSED


@dataclasses.dataclass
class Row:
    """The results of one feature."""

    counts: dict = dataclasses.field(default_factory=lambda: {PASSED: 0, FAILED: 0, REFUSED: 0})
    distance: Distance = dataclasses.field(default_factory=Distance)
    refusals: dict = dataclasses.field(default_factory=dict)

    def add(self, result):
        self.counts[result.status] += 1
        self.distance.add(result.distance)
        if result.status == REFUSED:
            self.refusals.setdefault(result.text, result)

    @property
    def cases(self):
        return sum(self.counts.values())

    def is_good(self):
        return self.cases > 0 and self.counts[PASSED] == self.cases


def failure_line(result, seed):
    case = f"{result.feature}/{result.number}"
    return (
        f"FAILED {case} call {result.call}: {result.text}\n"
        f"       again: ./dev conformance --seed {seed} --only {case}"
    )


def print_table(rows):
    print(
        f"\n{'feature':28} {'cases':>6} {'largest error':>14} {'relative':>9} "
        f"{'of tolerance':>13} {'failures':>9} {'refused':>8}"
    )
    for name, row in rows.items():
        print(
            f"{name:28} {row.cases:6} {row.distance.absolute:14.1e} {row.distance.relative:9.1e} "
            f"{100 * row.distance.share:11.0f} % {row.counts[FAILED]:9} {row.counts[REFUSED]:8}"
        )
    totals = {status: sum(row.counts[status] for row in rows.values()) for status in row.counts}
    print(
        f"\n{sum(totals.values())} cases of {len(rows)} features: {totals[PASSED]} passed, "
        f"{totals[FAILED]} failed, {totals[REFUSED]} refused"
    )
    for name, row in rows.items():
        for text, result in list(row.refusals.items())[:3]:
            print(f"  refused {name}/{result.number}: {text[:300]}")


def summary(rows, seed, seconds):
    """Returns the table as JSON."""
    return {
        "keras": keras.__version__,
        "seed": seed,
        "seconds": round(seconds),
        "features": {
            name: {
                "cases": row.cases,
                "passed": row.counts[PASSED],
                "failed": row.counts[FAILED],
                "refused": row.counts[REFUSED],
                "largest_error": float(f"{row.distance.absolute:.2g}"),
                "largest_relative_error": float(f"{row.distance.relative:.2g}"),
                "of_tolerance": float(f"{row.distance.share:.2g}"),
            }
            for name, row in rows.items()
        },
    }


def document(summary):
    """Returns the features and their results, the data of the page."""
    described = [
        {**REGISTRY[name].description(), "result": result}
        for name, result in summary["features"].items()
    ]
    return json.loads(
        json.dumps(
            {
                "keras": summary["keras"],
                "seed": summary["seed"],
                "deviations": [dataclasses.asdict(deviation) for deviation in DEVIATIONS],
                "features": described,
            }
        )
    )


def without_results(document):
    features = [{**feature, "result": None} for feature in document["features"]]
    return {"deviations": document["deviations"], "features": features}
