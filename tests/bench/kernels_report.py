# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of `./dev bench kernels` and says which goals are met.

usage: kernels_report.py RUN.json [--json FILE] [--check]      (standard library only)

RUN.json is the output of kernels_bench. --json writes the contents of the table for
kernels_picture.py. With --check the exit code is 1 if a goal is missed or could not be measured.

The floor of a row is the shortest possible time on this core: the larger of

    operations / rate of multiplications and additions in registers
    bytes of weights that must be read / rate of reading a buffer of that size

The rate of arithmetic is that of float32, even for narrow weights, unless the processor multiplies
narrow weights directly: bfloat16 in pairs, or int8 in groups of four, with two instructions for
each product. The bytes are those of the weights as stored, without biases and scales.

The weights of the states must be read at every timestep. With several timesteps they are read at
the rate of a buffer of their own size. The weights of the inputs only need to be read once for each
group of timesteps that RecurrentLayer projects together, which is 24:

    T = 1     (recurrent + input bytes) / read rate(recurrent + input bytes)
    T > 1     T * recurrent bytes / read rate(recurrent bytes)
              + ceil(T / 24) * input bytes / read rate(recurrent + input bytes)

The floor assumes that all multiplying happens at the same time as all reading. For T > 1 the column
"% phases" assumes that the inputs are projected first and the recurrent part follows: it adds the
larger of the two times of each part.

A row called Engine is a whole model; its weights are those of all its layers.

All measurements of a row were made in slices that took turns. A ratio is computed within each turn,
so that a disturbance of the machine affects both sides. The report has the median of the turns.
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
from typing import Callable, NamedTuple

OURS = "us/ours"
ON_TWO_CORES = "us/ours on two cores"  # if a step is large enough to be shared
OUR_FLOAT32 = "our fp32"  # in rows of narrow weights; treated as a peer
# The rates of arithmetic by the kind of multiplication. A row has the rate of its weights.
RATES = {"fp32": "fma_flops_per_s", "bf16 pairs": "pair_flops_per_s",
         "int8 fours": "four_flops_per_s"}
PROJECTED_TOGETHER = 24  # timesteps; kMaxProjectedTime in core/layers/recurrent_layer.h


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a layer, its size, and the counters of each turn."""

    layer: str
    weights: str
    units: int
    batch: int
    timesteps: int
    turns: tuple

    @property
    def name(self):
        return f"{self.layer} {self.weights} H={self.units} B={self.batch} T={self.timesteps}"

    @property
    def weight_bytes(self):
        return self.turns[0]["weight_bytes"]

    @property
    def operations(self):
        return self.turns[0]["flops"]

    @property
    def bytes_read(self):
        """Returns the bytes of weights that one call must read."""
        return sum(count * size for count, size in _reads(self))

    @property
    def peers(self):
        return [key.partition("/")[2] for key in self.turns[0] if _is_peer(key)]

    def median(self, value):
        """Returns the median over the turns of value(turn)."""
        return statistics.median(value(turn) for turn in self.turns)

    def times(self):
        """Returns the microseconds of our calls: median, minimum, maximum."""
        times = [turn[OURS] for turn in self.turns]
        return statistics.median(times), min(times), max(times)

    def floor_fraction(self):
        return self.median(lambda turn: max(floors(self, turn)) / turn[OURS])

    def phases_fraction(self):
        """Returns the floors of the inputs and of the recurrent part, one after the other, as a
        share of our time; None if there is only one timestep."""
        if self.timesteps == 1:
            return None
        return self.median(lambda turn: sum(map(max, _phases(self, turn))) / turn[OURS])

    def is_bound_by_reading(self):
        return self.median(lambda turn: floors(self, turn)[1] - floors(self, turn)[0]) > 0

    def two_core_speed(self):
        """Returns the speed of two cores that share a step relative to one; None if they do not."""
        if ON_TWO_CORES not in self.turns[0]:
            return None
        return self.median(lambda turn: turn[OURS] / turn[ON_TWO_CORES])

    def times_of(self, peer):
        """Returns the time of the peer divided by ours; None if it was not measured."""
        key = f"us/{peer}"
        if key not in self.turns[0]:
            return None
        return self.median(lambda turn: turn[key] / turn[OURS])


def _is_peer(key):
    return key.startswith("us/") and key not in (OURS, ON_TWO_CORES)


def _reads(row):
    """Returns how often the weights of the states and of the inputs are read, and their bytes."""
    recurrent = row.turns[0]["recurrent_weight_bytes"]
    blocks = math.ceil(row.timesteps / PROJECTED_TOGETHER)
    return (row.timesteps, recurrent), (blocks, row.weight_bytes - recurrent)


def _phases(row, turn):
    """Returns, for the recurrent part and for the inputs, the least microseconds for the arithmetic
    of one call and for reading the weights."""
    rate = turn["read_bytes_per_s"]
    recurrent_rate = rate if row.timesteps == 1 else turn["recurrent_read_bytes_per_s"]
    arithmetic = 1e6 * row.operations / arithmetic_rate(turn) / row.weight_bytes
    return [(arithmetic * size, 1e6 * times * size / each_rate)
            for (times, size), each_rate in zip(_reads(row), (recurrent_rate, rate))]


def floors(row, turn):
    """Returns the least microseconds for the arithmetic of one call and for reading its weights."""
    return tuple(map(sum, zip(*_phases(row, turn))))


def arithmetic_rate(turn):
    """Returns the operations per second of the instruction that multiplies such weights."""
    return next(turn[rate] for rate in RATES.values() if rate in turn)


def read_rows(document):
    """Returns the rows of a run in its order."""
    turns = {}
    for entry in document["benchmarks"]:
        if entry["run_type"] == "iteration":
            turns.setdefault(entry["run_name"], []).append(entry)
    return [_row(name, entries) for name, entries in turns.items()]


def _row(name, turns):
    # A name looks like LSTM/fp32/H:64/B:1/T:1/..., where Google Benchmark appends its own settings.
    layer, weights, *rest = name.split("/")
    sizes = dict(part.split(":") for part in rest if ":" in part)
    return Row(layer, weights, int(sizes["H"]), int(sizes["B"]), int(sizes["T"]), tuple(turns))


def level_3_bytes(document):
    sizes = [cache["size"] for cache in document["context"]["caches"] if cache["level"] == 3]
    return max(sizes, default=0)


# ------------------------------------------------------------------------------------------ goals


class Goal(NamedTuple):
    """A limit that a value must reach in every row that it applies to, or in their median.

    Every value except that of two cores is proportional to our speed: at the floor it would be
    value / floor_fraction.
    """

    title: str
    applies: Callable[[Row], bool]
    value: Callable[[Row], float]
    at_least: float
    in_median: bool = False

    @property
    def is_of_peer(self):
        return self.value not in (Row.floor_fraction, Row.two_core_speed)


class Outcome(NamedTuple):
    goal: Goal
    values: list  # (value, row) for the rows with a value, the worst first
    unmeasured: list

    @property
    def missed(self):
        """Returns the rows below the goal, the worst first."""
        return [(value, row) for value, row in self.values if value < self.goal.at_least]

    @property
    def out_of_reach(self):
        """Returns the rows that would miss the goal even at the floor."""
        if self.goal.value == Row.two_core_speed:
            return []
        return [row for value, row in self.missed
                if value / row.floor_fraction() < self.goal.at_least]

    @property
    def median(self):
        return statistics.median(value for value, _ in self.values)

    @property
    def is_met(self):
        if self.unmeasured:
            return False
        if self.goal.in_median:
            return not self.values or self.median > self.goal.at_least
        return not self.missed


def goals(level_3):
    """Returns the goals. The weights of a row count as within the level-3 cache if they leave room
    in it, because weights of exactly its size do not stay there."""

    def has_gates(row, weights):
        return row.weights == weights and row.layer.partition("-")[0] in ("LSTM", "GRU")

    def gated(row):
        return has_gates(row, "fp32")

    def bf16(row):
        return has_gates(row, "bf16")

    def one(row):
        return gated(row) and row.timesteps == 1

    def one_dnn(row):
        return row.times_of("oneDNN fp32")

    def one_dnn_bf16(row):
        return row.times_of("oneDNN bf16")

    def onnx(row):
        return row.times_of("ONNX Runtime")

    def our_float32(row):
        return row.times_of(OUR_FLOAT32)

    return [
        Goal("of the floor, B >= 4, weights within L3",
             lambda row: gated(row) and row.batch >= 4 and row.weight_bytes < level_3,
             Row.floor_fraction, 0.88),
        Goal("of the floor, B <= 2, H >= 128",
             lambda row: gated(row) and row.batch <= 2 and row.units >= 128,
             Row.floor_fraction, 0.85),
        Goal("x oneDNN fp32, never slower", gated, one_dnn, 0.97),
        Goal("x oneDNN fp32, faster in the median", gated, one_dnn, 1.0, in_median=True),
        Goal("x ONNX Runtime, T = 1", one, onnx, 1.3),
        Goal("x ONNX Runtime, T = 1, B <= 4", lambda row: one(row) and row.batch <= 4, onnx, 2.0),
        Goal("x our fp32, bf16, B >= 4", lambda row: bf16(row) and row.batch >= 4,
             our_float32, 1.8),
        Goal("x our fp32, bf16, B = 1, H >= 512",
             lambda row: bf16(row) and row.batch == 1 and row.units >= 512, our_float32, 1.7),
        Goal("x our fp32, int8, LSTM, B = 1, H = 1024",
             lambda row: (row.layer, row.weights) == ("LSTM", "int8")
             and (row.units, row.batch) == (1024, 1), our_float32, 3.0),
        Goal("x one core, two cores, LSTM, B = 1, H = 1024",
             lambda row: (row.layer, row.weights) == ("LSTM", "fp32")
             and (row.units, row.batch, row.timesteps) == (1024, 1, 1), Row.two_core_speed, 1.6),
        Goal("x one core, two cores, wherever they share a step",
             lambda row: row.two_core_speed() is not None, Row.two_core_speed, 1.0),
        Goal("of the floor, two GRUs and a Dense layer through Engine, H = 256, B = 16",
             lambda row: row.layer == "Engine", Row.floor_fraction, 0.85),
        Goal("x oneDNN bf16, never slower", bf16, one_dnn_bf16, 0.97),
        Goal("x oneDNN bf16, faster in the median", bf16, one_dnn_bf16, 1.0, in_median=True),
    ]


def judge(goal, rows):
    values = [(goal.value(row), row) for row in rows if goal.applies(row)]
    measured = [(value, row) for value, row in values if value is not None]
    return Outcome(goal, sorted(measured, key=lambda pair: pair[0]),
                   [row for value, row in values if value is None])


# ------------------------------------------------------------------------------------------- text


def peers_of(rows):
    return list(dict.fromkeys(peer for row in rows for peer in row.peers))


def render_table(rows):
    peers = peers_of(rows)
    head = ["layer", "weights", "H", "B", "T", "us", "min", "max", "GFLOP/s", "GB/s", "bound",
            "% floor", "% phases", "x on 2 cores", *(f"x {peer}" for peer in peers)]
    lines = [head] + [_cells(row, peers) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)


def _cells(row, peers):
    time, least, most = row.times()
    ratios = [row.two_core_speed(), *(row.times_of(peer) for peer in peers)]
    return [row.layer, row.weights, str(row.units), str(row.batch), str(row.timesteps),
            f"{time:.4g}", f"{least:.4g}", f"{most:.4g}", f"{row.operations / time / 1e3:.1f}",
            f"{row.bytes_read / time / 1e3:.1f}", "read" if row.is_bound_by_reading() else "fma",
            f"{100 * row.floor_fraction():.1f}",
            "-" if row.timesteps == 1 else f"{100 * row.phases_fraction():.1f}",
            *("-" if value is None else f"{value:.2f}" for value in ratios)]


def render_outcome(outcome, num_worst=8):
    """Returns the goal in a line, followed by the rows that are furthest from it."""
    goal = outcome.goal
    verdict = "MISSED" if not outcome.is_met else "met   " if outcome.values else "-     "
    wanted = f"{'>' if goal.in_median else '>='} {goal.at_least:.2f}"
    if not outcome.values:
        number = len(outcome.unmeasured)
        return f"{verdict} {wanted} {goal.title}: " + (
            f"none of {number} rows measured" if number else "no such row in this run")
    reached = len(outcome.values) - len(outcome.missed)
    line = (f"{verdict} {wanted} {goal.title}: {reached} of {len(outcome.values)} rows, "
            f"median {outcome.median:.2f}, worst {outcome.values[0][0]:.2f}")
    if outcome.unmeasured:
        line += f"; {len(outcome.unmeasured)} not measured"
    if goal.in_median:
        return line
    if outcome.out_of_reach:
        line += f"; {len(outcome.out_of_reach)} would miss it even at the floor"
    return "\n".join([line] + [_missed_line(goal, value, row)
                               for value, row in outcome.missed[:num_worst]])


def _missed_line(goal, value, row):
    line = f"         {value:.2f}  {row.name}"
    if not goal.is_of_peer:
        return line
    return f"{line}, {value / row.floor_fraction():.2f} at the floor"


def _ceiling_line(name, rates):
    rates = [rate / 1e9 for rate in rates]
    return (f"{name} ceiling: {statistics.median(rates):.0f} GFLOP/s in the median, "
            f"{min(rates):.0f} to {max(rates):.0f}")


def render(document):
    rows = read_rows(document)
    context = document["context"]
    rates = {name: [turn[key] for row in rows for turn in row.turns if key in turn]
             for name, key in RATES.items()}
    versions = [f"{key.partition('/')[2]} {context[key]}"
                for key in context if key.startswith("peer/")]
    return "\n".join([
        f"{context['isa']}, one thread; load average {context['load_avg'][0]:.1f} before the run",
        f"peers: {', '.join(versions) or 'none, see tests/bench/peers/install'}",
        *(_ceiling_line(name, values) for name, values in rates.items() if values),
        "",
        render_table(rows),
        "",
        *(render_outcome(judge(goal, rows)) for goal in goals(level_3_bytes(document))),
    ])


# ------------------------------------------------------------------------------------------- data


def to_json(document):
    """Returns the contents of the table and the goals for other programs."""
    rows = read_rows(document)
    outcomes = [judge(goal, rows) for goal in goals(level_3_bytes(document))]
    context = document["context"]
    return {
        "date": context["date"],
        "isa": context["isa"],
        "peers": {key.partition("/")[2]: context[key] for key in context if key.startswith("peer/")},
        "rows": [_row_json(row) for row in rows],
        "goals": [{"title": o.goal.title, "at_least": o.goal.at_least, "met": o.is_met,
                   "rows": len(o.values), "missed": [row.name for _, row in o.missed],
                   "out_of_reach": [row.name for row in o.out_of_reach],
                   "unmeasured": [row.name for row in o.unmeasured]} for o in outcomes],
    }


def _row_json(row):
    time, least, most = row.times()
    arithmetic = row.median(lambda turn: floors(row, turn)[0])
    reading = row.median(lambda turn: floors(row, turn)[1])
    return {
        "layer": row.layer, "weights": row.weights,
        "H": row.units, "B": row.batch, "T": row.timesteps,
        "us": time, "us_min": least, "us_max": most,
        "operations": row.operations, "bytes_read": row.bytes_read,
        "weight_bytes": row.weight_bytes,
        "fma_floor_us": arithmetic, "read_floor_us": reading,
        "floor_fraction": row.floor_fraction(),
        "phases_fraction": row.phases_fraction(),
        "two_core_speed": row.two_core_speed(),
        "times_of_peer": {peer: row.times_of(peer) for peer in row.peers},
    }


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    with open(options.run, encoding="utf-8") as file:
        document = json.load(file)
    if not read_rows(document):
        sys.exit("the run has no rows")
    print(render(document))
    result = to_json(document)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    return 1 if options.check and not all(goal["met"] for goal in result["goals"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
