# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws the results of kernels_report.py: the rows below their ceilings, and next to the peers.

usage: kernels_picture.py kernels.json kernels.svg
"""

import json
import math
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "rnnserve"  # Equal numbers give an equal file.
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

MARKERS = {"LSTM": "o", "GRU": "s"}
COLOURS = ["tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple"]


def main(source, target):
    with open(source, encoding="utf-8") as file:
        document = json.load(file)
    rows = [row for row in document["rows"]
            if row["layer"] in MARKERS and row["T"] == 1 and row["weights"] == "fp32"]
    if not rows:
        sys.exit("the run has no LSTM or GRU in fp32 with T = 1 to draw")
    layers = [layer for layer in MARKERS if any(row["layer"] == layer for row in rows)]
    heights = [2] + [1 for _ in layers]
    figure, (roofline, *bars) = plt.subplots(
        len(heights), 1, figsize=(11, 4 * sum(heights)), height_ratios=heights)
    draw_roofline(roofline, rows, document["isa"])
    for axes, layer in zip(bars, layers):
        draw_peers(axes, layer, [row for row in rows if row["layer"] == layer])
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


def draw_roofline(axes, rows, isa):
    """Draws GFLOP/s over operations per byte of weights, and a line for each size's ceiling."""
    sizes = sorted({row["H"] for row in rows})
    left, right = 0.35, 48
    top = max(row["operations"] / row["fma_floor_us"] / 1e3 for row in rows)
    axes.plot([left, right], [top, top], color="black", label="multiply-add in registers")
    for size, colour in zip(sizes, COLOURS):
        here = [row for row in rows if row["H"] == size]
        for layer, marker in MARKERS.items():
            points = [row for row in here if row["layer"] == layer]
            if not points:
                continue
            axes.plot([row["operations"] / row["bytes_read"] for row in points],
                      [row["operations"] / row["us"] / 1e3 for row in points],
                      marker, color=colour, label=f"{layer} H={size}")
        rate = max(row["bytes_read"] / row["read_floor_us"] / 1e3 for row in here)
        ends = [left, min(right, top / rate)]
        axes.plot(ends, [rate * x for x in ends], color=colour, linewidth=1,
                  label=f"reading the weights of H={size}, {rate:.0f} GB/s")
    axes.set(xscale="log", yscale="log", xlabel="operations / byte of weights", ylabel="GFLOP/s",
             title=f"fp32, T = 1, one thread, {isa}")
    set_ticks(axes.xaxis, [0.5, 1, 2, 4, 8, 16, 32])
    set_ticks(axes.yaxis, [10, 20, 50, 100, 200, 500])
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize="small", loc="lower right", ncols=2)


def draw_peers(axes, layer, rows):
    """Draws a group of bars for each row, with a bar for each peer: its time divided by ours."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row["times_of_peer"]))
    width = 0.8 / max(len(peers), 1)
    for i, peer in enumerate(peers):
        # Bars start at 1 and go up or down.
        axes.bar([x - 0.4 + (i + 0.5) * width for x in range(len(rows))],
                 [row["times_of_peer"].get(peer, math.nan) - 1 for row in rows], width, bottom=1,
                 label=peer)
    axes.axhline(1, color="black", linewidth=1)
    axes.set(title=f"{layer}, fp32, T = 1: time of the peer / our time", yscale="log")
    set_ticks(axes.yaxis, [0.25, 0.5, 1, 2, 4, 8])
    axes.set_xticks(range(len(rows)), [f"H={row['H']} B={row['B']}" for row in rows], rotation=90)
    axes.grid(True, axis="y", alpha=0.2)
    if peers:
        axes.legend(fontsize="small")


def set_ticks(axis, values):
    """Labels a logarithmic axis with plain numbers, which it does not do by default."""
    low, high = axis.get_view_interval()
    axis.set_ticks([value for value in values if low <= value <= high])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter("{x:g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
