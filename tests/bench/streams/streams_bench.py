# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds how many live streams of speech one core serves: each sends a frame of 32 ms every 32 ms.

usage: streams_bench.py --build BUILD [--model FILE.onnx|BUNDLE] [--only WORD] [--turns N]
                        [--seconds S] [--json FILE] [--check]

The server has one core and the load generator another. Servers run with `chrt --batch 0`, so that a
thread that a message wakes does not interrupt one that computes. The loop is open: frames are sent
when they are due, whatever the server does, and latencies count from then. A number of streams is
served if 99 of 100 answers come within 10 ms, none fails and the answers keep up. The sides take
turns; the table has the median of their largest numbers and the spread. With --check the exit code is
1 if a goal is missed. Standard library only.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from live_streams import FRAME_SECONDS, P99_SECONDS, arrivals, largest_served

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SERVE = HERE.parent / "serve"
sys.path.append(str(SERVE))
# E402: the line above adds their folder.
from goals import Result  # noqa: E402
from processes import Server, load_of, run, run_triton_load, words_of  # noqa: E402

NAME = "silero_vad"
SERVER_CORE, LOAD_CORE = "0", "1"
GATEWAY_SESSIONS = 64  # Of one message, where it has many.
WARM_UP_SECONDS = 0.5
SEED = 1
MOST_CRASHES = 3  # of Triton, with one number of streams
RUN_PEER = str(SERVE / "run_peer")


def on_core(core, command):
    return ["taskset", "--cpu-list", core, *command]


class Bench:
    def __init__(self, options, folder):
        self.programs = pathlib.Path(options.build)
        self.model = pathlib.Path(options.model).resolve()
        self.onnx = pathlib.Path(options.onnx).resolve()
        self.folder = pathlib.Path(folder)
        self.seconds = options.seconds

    def start(self, name, command):
        return Server(name, ["chrt", "--batch", "0", *on_core(SERVER_CORE, command)], self.folder)

    def rnnserve(self):
        return self.start("rnnserve", [
            str(self.programs / "bin/rnnserve"), f"--model={NAME}={self.model}",
            "--grpc-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0", "--log-level=warning"])

    def peer(self, peer, script):
        return self.start(script, [RUN_PEER, peer, "--script", str(HERE / script),
                                   f"--model={self.onnx}"])

    def has_peer(self, peer):
        """Returns whether its packages can be installed."""
        return subprocess.run([RUN_PEER, peer, "--install-only"], check=False).returncode == 0

    def is_served(self, load):
        is_in_time = load["latencies"]["p99_us"] < P99_SECONDS * 1e6
        return is_in_time and load.get("failed_steps", 0) == 0 and load.get("keeping_up", True)

    def serves(self, server, streams, sessions_per_message):
        """Returns whether a server serves this many streams, which share 64 gRPC streams, or have
        one for each message with many sessions."""
        messages = streams // sessions_per_message
        times = self.folder / "arrivals"
        times.write_text("".join(f"{time:.7f}\n" for time in arrivals(
            messages, WARM_UP_SECONDS + self.seconds, SEED)))
        flags = {"model": NAME, "sessions": streams, "streams": min(64, messages),
                 "channels": min(4, messages), "sessions_per_message": sessions_per_message,
                 "lengths": "fixed:1000000", "arrivals": times, "seconds": self.seconds,
                 "warm_up_seconds": WARM_UP_SECONDS, "steps": 10_000_000, "seed": SEED}
        if sessions_per_message > 1:
            flags["step_sessions"] = True
        command = [str(self.programs / "bin/rnnctl"), "--server", server.grpc, "--json", "bench",
                   *words_of(flags)]
        done = run(on_core(LOAD_CORE, command), "DEADLINE_EXCEEDED")
        load = load_of(done.stdout) if done.stdout else None
        return self.log(streams, load, load is not None and self.is_served(load))

    def log(self, streams, load, is_served):
        p99 = f"p99 {load['latencies']['p99_us'] / 1000:.2f} ms" if load else "no answers"
        note = ", the generator is the bottleneck" if load and load.get(
            "generator_is_bottleneck") else ""
        print(f"  {streams} streams: {p99}{note}{'' if is_served else ', too many'}",
              file=sys.stderr, flush=True)
        return is_served


# ------------------------------------------------------------------------------------ the sides


def single(bench, guess):
    """rnnserve, a frame a message"""
    with bench.rnnserve() as server:
        return largest_served(lambda n: bench.serves(server, n, 1), guess, 8)


def gateway(bench, guess):
    """rnnserve, a message for 64 sessions"""
    with bench.rnnserve() as server:
        return largest_served(lambda n: bench.serves(server, n, GATEWAY_SESSIONS), guess,
                              GATEWAY_SESSIONS)


def in_process(bench, guess):
    """ONNX Runtime in the process, a session a client"""
    def serves(streams):
        done = run(on_core(SERVER_CORE, [
            RUN_PEER, "python_peer", "--script", str(HERE / "in_process.py"),
            *words_of({"model": bench.onnx, "streams": streams, "seconds": bench.seconds,
                       "warm_up_seconds": WARM_UP_SECONDS, "seed": SEED})]))
        load = load_of(done.stdout)
        return bench.log(streams, load, bench.is_served(load))

    return largest_served(serves, guess, 4)


def python(bench, guess):
    """a Python service with ONNX Runtime, batched"""
    with bench.peer("python_peer", "batched_server.py") as server:
        return largest_served(lambda n: bench.serves(server, n, 1), guess, 4)


def triton(bench, guess):
    """Triton with ONNX Runtime in its Python backend"""
    def serves(streams):
        # A server for each load, because Triton may crash as one ends (a segmentation fault as it
        # releases a request).
        for _ in range(MOST_CRASHES):
            with bench.peer("triton_peer", "triton_server.py") as server:
                load = run_triton_load(
                    on_core(LOAD_CORE, [str(bench.programs / "bench/triton_load")]), server,
                    model=NAME, input="input", streams=streams, channels=4, units=512, outputs=1,
                    interval_ms=FRAME_SECONDS * 1000, seconds=bench.seconds,
                    warm_up_seconds=WARM_UP_SECONDS, seed=SEED)
            if load is not None:
                break
        return bench.log(streams, load, load is not None and bench.is_served(load))

    return largest_served(serves, guess, 4)


class Side:
    """One way to serve the streams, and the largest number of them in each turn."""

    def __init__(self, find, guess, peer=None):
        self.find = find
        self.guess = guess
        self.peer = peer
        self.found = []

    @property
    def name(self):
        return self.find.__name__

    @property
    def median(self):
        return statistics.median(self.found)

    def take_turn(self, bench):
        print(f"[{self.name}]", file=sys.stderr, flush=True)
        self.found.append(self.find(bench, self.guess))
        self.guess = max(self.found[-1], 1)


def sides():
    return [Side(single, 512), Side(gateway, 1024), Side(in_process, 128, "python_peer"),
            Side(python, 64, "python_peer"), Side(triton, 64, "triton_peer")]


def results_of(measured):
    """Returns the table's lines: the numbers of each side, and how they compare."""
    goals = {"single": 600, "gateway": 1500}
    for side in measured.values():
        yield Result(f"live streams, {side.find.__doc__}", side.found, goals.get(side.name))
    if "single" not in measured:
        return
    ours = measured["single"].found
    for name, goal in (("in_process", 3), ("python", None), ("triton", None)):
        if name in measured:
            others = measured[name]
            yield Result(f"streams of a frame a message, vs {others.find.__doc__}",
                         [a / max(b, 1) for a, b in zip(ours, others.found)], goal)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    demo_model = ROOT / "client/demo/models/silero_vad.onnx"
    parser.add_argument("--build", required=True)
    parser.add_argument("--model", default=demo_model, help="what rnnserve serves")
    parser.add_argument("--onnx", default=demo_model, help="what the others serve")
    parser.add_argument("--only", choices=[side.name for side in sides()], action="append")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if os.cpu_count() < 2:
        raise SystemExit("the server and the load generator take a core each; there is only one")
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        wanted = [side for side in sides() if side.name in (options.only or [side.name])]
        measured = [side for side in wanted if not side.peer or bench.has_peer(side.peer)]
        for _ in range(options.turns):
            for side in measured:
                side.take_turn(bench)
    results = list(results_of({side.name: side for side in measured}))
    for side in wanted:
        if side not in measured:
            results.append(Result(f"{side.find.__doc__}: its packages cannot be installed here",
                                  [0.0], 1))
    for result in results:
        print(result.line())
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps([result.to_json() for result in results], indent=1))
    return 1 if options.check and not all(result.is_met for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
