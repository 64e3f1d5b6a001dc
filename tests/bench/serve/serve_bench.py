# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the server under load, compared with the transport alone and the kernels alone.

usage: serve_bench.py --build BUILD [--only WORD] [--turns N] [--seconds S] [--json FILE] [--check]

Server and load generator (`rnnctl bench`) share this machine. Each comparison runs its sides in
turns and computes ratios within a turn; the table has their median and spread. With --check the
exit code is 1 if a goal is missed. Standard library only.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from goals import Result
from model_files import write_lstm
from processes import Server, run_load, run_triton_load

MEGABYTE = 1 << 20
RUN_PEER = str(pathlib.Path(__file__).parent / "run_peer")


class Bench:
    def __init__(self, build, folder, turns, seconds):
        self.programs = pathlib.Path(build)
        self.folder = pathlib.Path(folder)
        self.turns = turns
        self.seconds = seconds

    @property
    def rnnctl(self):
        return str(self.programs / "bin/rnnctl")

    def rnnserve(self, *models, name="rnnserve", flags=(), core=None):
        named = [f"--model={path.name}={path}" for path in models]
        return Server(name, [str(self.programs / "bin/rnnserve"), "--grpc-address=127.0.0.1:0",
                             "--metrics-address=127.0.0.1:0", "--log-level=warning", *named, *flags],
                      self.folder, core)

    def echo(self, units, api="callback", queues=2, core=None):
        return Server(f"echo-{api}", [str(self.programs / "bench/echo_server"), f"--units={units}",
                                      f"--api={api}", f"--queues={queues}"], self.folder, core)

    def has_peer(self, name):
        """Returns whether the packages of another server can be installed."""
        return subprocess.run([RUN_PEER, name, "--install-only"], check=False).returncode == 0

    def peer(self, name, model):
        return Server(name, [RUN_PEER, name, f"--bundle={model}"], self.folder)

    def load(self, server, model, **flags):
        given = {"seconds": self.seconds, "warm_up_seconds": 0.5, "lengths": "fixed:100000"}
        return run_load(self.rnnctl, server, model=model, **{**given, **flags})

    def in_turns(self, *sides):
        """Returns the results of each side, turn by turn. A different side starts each turn."""
        results = [[] for _ in sides]
        for turn in range(self.turns):
            for i in range(len(sides)):
                side = (turn + i) % len(sides)
                results[side].append(sides[side]())
        return results

    def kernel_microseconds(self, units, batch):
        """Measures one step of an LSTM on one core, without anything around it."""
        run = self.folder / "kernels.json"
        subprocess.run([str(self.programs / "bench/kernels_bench"),
                        f"--benchmark_filter=^LSTM/fp32/H:{units}/B:{batch}/T:1/",
                        f"--benchmark_out={run}"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        rows = json.loads(run.read_text())["benchmarks"]
        return statistics.median(row["us/ours"] for row in rows if row["run_type"] == "iteration")


def speeds(loads):
    return [load["steps_per_second"] for load in loads]


def spread(values, unit=""):
    return f"{statistics.median(values):.4g}{unit}"


# ------------------------------------------------------------------------------------ comparisons


def transport(bench):
    """Compares gRPC's interfaces and numbers of connections, the choices behind the server's
    design."""
    many = {"sessions": 64, "streams": 64}
    with bench.echo(128) as callback, bench.echo(128, "async") as queues:
        sides = [(f"{server.name}, {channels} channels", server, channels)
                 for server in (callback, queues) for channels in (1, 4)]
        runs = bench.in_turns(*[
            lambda server=server, channels=channels: bench.load(
                server, "echo", channels=channels, **many)
            for _, server, channels in sides])
    base = speeds(runs[1])
    for (title, _, _), loads in zip(sides, runs):
        values = [speed / first for speed, first in zip(speeds(loads), base)]
        yield Result(f"transport: {title}, vs callback on 4", values, None,
                     parts=f"{spread(speeds(loads))} messages/s")


def messages(bench):
    """Compares single steps of 64 streams with servers that have nothing behind them: one that
    answers on the reading thread, and one that hands messages to another thread, as a server that
    batches many streams has to."""
    many = {"sessions": 64, "streams": 64, "channels": 4}
    with (bench.rnnserve(write_lstm(bench.folder, 128)) as ours, bench.echo(128) as echo,
          bench.echo(128, "handoff") as handoff):
        sides = bench.in_turns(lambda: bench.load(ours, "lstm-128", **many),
                               lambda: bench.load(echo, "echo", **many),
                               lambda: bench.load(handoff, "echo", **many))
    ours_speeds, echo_speeds, handoff_speeds = map(speeds, sides)
    yield Result("messages/s of LSTM-128, 64 streams, vs echo",
                 [a / b for a, b in zip(ours_speeds, echo_speeds)], 0.85,
                 parts=f"{spread(ours_speeds)} and {spread(echo_speeds)} messages/s")
    for title, values, base in (("these, vs an echo that hands over", ours_speeds, handoff_speeds),
                                ("an echo that hands over, vs echo", handoff_speeds, echo_speeds)):
        yield Result(title, [a / b for a, b in zip(values, base)], None,
                     parts=f"{spread(values)} and {spread(base)} messages/s")


def message_cost(bench):
    """Measures the processor time of the server for a message, as the kernel of the operating
    system counts it: with the server on one core and the generator on another, and with both on
    all cores."""
    kernel = bench.kernel_microseconds(128, 16) / 16
    for title, core, load_core in (("server on a core of its own", 0, 1),
                                   ("cores shared with the generator", None, None)):
        yield from message_cost_on(bench, title, core, load_core, kernel)


def message_cost_on(bench, title, core, load_core, kernel):
    many = {"sessions": 64, "streams": 64, "channels": 4, "core": load_core}

    def cost_of(server, model):
        """Returns microseconds of the server for a message, and messages/s."""
        before = server.cpu_seconds()
        # Without a warm-up, all messages of the run count.
        speed = bench.load(server, model, warm_up_seconds=0, **many)["steps_per_second"]
        used = server.cpu_seconds() - before
        return used * 1e6 / (speed * bench.seconds), speed

    with (bench.rnnserve(write_lstm(bench.folder, 128), core=core) as ours,
          bench.echo(128, core=core) as callback, bench.echo(128, "handoff", core=core) as handoff,
          bench.echo(128, "async", queues=1, core=core) as queue):
        echoes = {"echo": callback, "echo that hands over": handoff, "echo on one queue": queue}
        ours_costs, *echo_costs = bench.in_turns(
            lambda: cost_of(ours, "lstm-128"),
            *[lambda echo=echo: cost_of(echo, "echo") for echo in echoes.values()])
    for name, costs in zip(echoes, echo_costs):
        yield Result(f"us of processor time a message, {name}, {title}",
                     [cost for cost, _ in costs], None,
                     parts=f"{spread([speed for _, speed in costs])} messages/s")
    # The best echo is the one that is cheapest in the median.
    best = min(echo_costs, key=lambda costs: statistics.median(cost for cost, _ in costs))
    is_alone = core is not None
    best_cost = statistics.median(cost for cost, _ in best)
    yield Result(f"us of processor time a message, LSTM-128, {title}",
                 [cost for cost, _ in ours_costs],
                 kernel + 1.15 * best_cost if is_alone else None, is_at_most=True,
                 parts=f"{spread([speed for _, speed in ours_costs])} messages/s; the kernel takes "
                       f"{kernel:.3g} us")
    yield Result(f"messages/s of LSTM-128 vs the best echo, {title}",
                 [ours_turn[1] / echo_turn[1] for ours_turn, echo_turn in zip(ours_costs, best)],
                 0.7 if is_alone else None)


def rows(bench):
    """Compares messages with 64 sessions each with the kernel on the cores that the generator
    leaves."""
    kernel = bench.kernel_microseconds(256, 64)
    many = {"sessions": 512, "streams": 8, "channels": 2, "sessions_per_message": 64}
    with bench.rnnserve(write_lstm(bench.folder, 256)) as ours:
        together, single = bench.in_turns(
            lambda: bench.load(ours, "lstm-256", step_sessions=True, **many),
            lambda: bench.load(ours, "lstm-256", **many))

    def relative_to_kernel(load):
        cores_left = os.cpu_count() - load["all_threads"]
        return load["steps_per_second"] / (cores_left * 64 / (kernel * 1e-6))

    for title, loads, goal in (("one StepSessions of 64 sessions per message", together, 0.75),
                               ("64 Steps per message", single, None)):
        yield Result(f"rows/s of LSTM-256, {title}, vs the kernel",
                     [relative_to_kernel(load) for load in loads], goal,
                     parts=f"{spread(speeds(loads))} rows/s; the kernel takes {kernel:.4g} us for "
                           "64 rows")


def idle_latency(bench):
    """Measures a step of an idle server beyond the times of the echo and the kernel."""
    kernel = bench.kernel_microseconds(128, 1)
    one = {"sessions": 1, "streams": 1}
    with bench.rnnserve(write_lstm(bench.folder, 128)) as ours, bench.echo(128) as echo:
        ours_loads, echo_loads = bench.in_turns(lambda: bench.load(ours, "lstm-128", **one),
                                                lambda: bench.load(echo, "echo", **one))
    p50 = [[load["latencies"]["p50_us"] for load in loads] for loads in (ours_loads, echo_loads)]
    beyond = [a - b for a, b in zip(*p50)]
    yield Result("us of an idle step of LSTM-128 beyond the echo, p50", beyond, 1.3 * kernel + 15,
                 is_at_most=True,
                 parts=f"{spread(p50[0])} and {spread(p50[1])} us; the kernel takes {kernel:.3g} us")


MANY_STREAMS = {"sessions": 256, "streams": 16, "channels": 4}


def loaded_latency(bench):
    """Measures p99 at 60 % of saturation. The same load on an echo shows the transport's part."""
    with bench.rnnserve(write_lstm(bench.folder, 128)) as ours, bench.echo(128) as echo:
        unloaded = bench.load(ours, "lstm-128", sessions=1, streams=1)["latencies"]["p50_us"]
        saturations, p99, echo_p99 = [], [], []
        for _ in range(bench.turns):
            saturations.append(bench.load(ours, "lstm-128", **MANY_STREAMS)["steps_per_second"])
            load = {"rate": 0.6 * saturations[-1], **MANY_STREAMS}
            p99.append(bench.load(ours, "lstm-128", **load)["latencies"]["p99_us"])
            echo_p99.append(bench.load(echo, "echo", **load)["latencies"]["p99_us"])
    yield Result("p99 at 60 % of saturation, vs p50 of the unloaded server",
                 [value / unloaded for value in p99], 5, is_at_most=True,
                 parts=f"saturation {spread(saturations)} steps/s, p99 {spread(p99)} us, "
                       f"unloaded p50 {unloaded:.4g} us")
    yield Result("p99 at that load, vs the echo's", [a / b for a, b in zip(p99, echo_p99)], None,
                 parts=f"{spread(p99)} and {spread(echo_p99)} us")


def overload(bench):
    """Measures goodput at twice saturation with deadlines.

    A step of an LSTM of 2048 units is bound by computation, particularly if its input is small and
    one message carries eight steps. A step of LSTM-128 is not, and has no goal: there the transport
    saturates, and refusing a step costs as much as computing it.
    """
    eight = {"sessions_per_message": 8, "step_sessions": True, **MANY_STREAMS}
    yield goodput_at_twice_saturation(bench, write_lstm(bench.folder, 2048, features=16), 0.85,
                                      eight)
    yield goodput_at_twice_saturation(bench, write_lstm(bench.folder, 128), None, MANY_STREAMS)


def goodput_at_twice_saturation(bench, model, goal, load):
    goodputs, saturations, resident, failed = [], [], [], []
    with bench.rnnserve(model) as ours:
        for _ in range(bench.turns):
            saturation = bench.load(ours, model.name, **load)["steps_per_second"]
            over = bench.load(ours, model.name, rate=2 * saturation, deadline_ms=50,
                              may_fail=True, **load)
            goodputs.append(over["steps_per_second"] / saturation)
            saturations.append(saturation)
            resident.append(ours.resident_bytes() / MEGABYTE)
            failed.append(over["failed_steps"])
    # If nothing was answered, there is no number.
    num_failed = "all" if math.isnan(statistics.median(failed)) else spread(failed)
    return Result(f"goodput of {model.name} at twice saturation, 50 ms deadlines, vs saturation",
                  goodputs, goal,
                  parts=f"saturation {spread(saturations)} steps/s; {num_failed} steps refused, dropped "
                        f"or late in each turn; {max(resident):.0f} MiB resident at most")


def many_sessions(bench):
    """Measures batches and memory over two minutes, with 500 of 10 000 open sessions active."""
    with bench.rnnserve(write_lstm(bench.folder, 128)) as ours:
        resident = []
        stop = threading.Event()

        def watch():
            while not stop.wait(1.0):
                resident.append(ours.resident_bytes() / MEGABYTE)

        background = concurrent.futures.ThreadPoolExecutor(1)
        idle = background.submit(bench.load, ours, "lstm-128", sessions=9500, streams=16,
                                 channels=4, rate=100, seconds=130)
        time.sleep(5)
        watcher = threading.Thread(target=watch)
        watcher.start()
        active = bench.load(ours, "lstm-128", sessions=500, streams=16, channels=4, think_ms=20,
                            seconds=118)
        stop.set()
        watcher.join()
        idle.result()  # raises if that load failed
    third = len(resident) // 3
    growth = statistics.median(resident[-third:]) / statistics.median(resident[third:2 * third])
    yield Result("memory at the end of two minutes, vs the middle", [growth], 1.02,
                 is_at_most=True,
                 parts=f"{resident[-1]:.0f} MiB; {active['steps_per_second']:.4g} steps/s of 500 "
                       "sessions among 10 000")


def uneven_lengths(bench):
    """Compares rows that join and leave at every cell step with padded batches of requests."""
    done = subprocess.run([str(bench.programs / "bench/batching_bench"), f"--turns={bench.turns}",
                           f"--seconds={bench.seconds}"], capture_output=True, text=True, check=True)
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    most = [turn["saturation"] for turn in turns]
    yield Result("most requests/s of uneven lengths, vs padded batches",
                 [turn["cellular"] / turn["padded"] for turn in most], 1.5,
                 parts=f"{spread([turn['cellular'] for turn in most])} and "
                       f"{spread([turn['padded'] for turn in most])} requests/s")
    for loads in zip(*(turn["loads"] for turn in turns)):
        def told(key, loads=loads):
            return " and ".join(spread([load[kind][key] for load in loads], " us")
                                for kind in ("cellular", "padded"))

        yield Result(
            f"p90 of uneven lengths, vs padded batches, at {loads[0]['load']:g} of what "
            "they carry", [load["cellular"]["p90_us"] / load["padded"]["p90_us"] for load in loads],
            0.5 if loads[0]["load"] >= 0.7 else None, is_at_most=True,
            parts=f"p90 {told('p90_us')}, p50 {told('p50_us')}, at "
            f"{spread([load['requests_per_second'] for load in loads])} requests/s")


PEER_STREAMS = {"streams": 64, "channels": 4}
MOST_CRASHES = 10  # of Triton


def python_service(bench):
    """Compares with a gRPC service in Python with ONNX Runtime and states in a dict."""
    if not bench.has_peer("python_peer"):
        yield not_measured("Python and ONNX Runtime", 8)
        return
    model = write_lstm(bench.folder, 128)
    many = {"sessions": 64, **PEER_STREAMS}
    with bench.rnnserve(model) as ours, bench.peer("python_peer", model) as python:
        ours_loads, python_loads = bench.in_turns(lambda: bench.load(ours, "lstm-128", **many),
                                                  lambda: bench.load(python, "lstm-128", **many))
        # Both run at a load that the slower one can carry.
        rate = 0.6 * min(speeds(python_loads))
        open_loop = {**many, "rate": rate}
        ours_open, python_open = bench.in_turns(lambda: bench.load(ours, "lstm-128", **open_loop),
                                                lambda: bench.load(python, "lstm-128", **open_loop))
    p99 = [[load["latencies"]["p99_us"] for load in loads] for loads in (ours_open, python_open)]
    yield compared_with_peer("Python and ONNX Runtime", ours_loads, python_loads, 8)
    yield Result("p99 at the same load, vs Python and ONNX Runtime",
                 [a / b for a, b in zip(*p99)], 0.3, is_at_most=True,
                 parts=f"{spread(p99[0])} and {spread(p99[1])} us at {rate:.4g} steps/s")


def triton(bench):
    """Compares with Triton, whose sequence batcher runs its model once for the steps of many
    sequences."""
    if not bench.has_peer("triton_peer"):
        yield not_measured("Triton", 3)
        return
    model = write_lstm(bench.folder, 128)
    num_crashes = 0

    def load_triton():
        """Loads Triton, which may crash under this load (a segmentation fault as it releases a
        request)."""
        nonlocal num_crashes
        while num_crashes < MOST_CRASHES:
            with bench.peer("triton_peer", model) as server:
                load = run_triton_load([str(bench.programs / "bench/triton_load")], server,
                                       model=model.name, units=128, seconds=bench.seconds,
                                       warm_up_seconds=0.5, **PEER_STREAMS)
            if load is not None:
                return load
            num_crashes += 1
        raise SystemExit(f"Triton crashed {num_crashes} times; see {bench.folder}/triton_peer.log")

    with bench.rnnserve(model) as ours:
        ours_loads, triton_loads = bench.in_turns(
            lambda: bench.load(ours, "lstm-128", sessions=64, **PEER_STREAMS), load_triton)
    yield compared_with_peer("Triton", ours_loads, triton_loads, 3,
                             f"; Triton crashed {num_crashes} times, which are left out")


def not_measured(name, goal):
    """Returns a missed result for a server that could not be measured."""
    return Result(f"vs {name}: its packages cannot be installed here", [0.0], goal)


def compared_with_peer(name, ours, others, goal, note=""):
    return Result(f"steps/s of LSTM-128, vs {name}",
                  [a / b for a, b in zip(speeds(ours), speeds(others))], goal,
                  parts=f"{spread(speeds(ours))} and {spread(speeds(others))} steps/s{note}")


COMPARISONS = {function.__name__: function for function in (
    transport, messages, message_cost, rows, idle_latency, loaded_latency, overload, uneven_lengths,
    python_service, triton, many_sessions)}


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", choices=COMPARISONS)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build, folder, options.turns, options.seconds)
        for name in [options.only] if options.only else COMPARISONS:
            print(f"[{name}]", file=sys.stderr, flush=True)
            for result in COMPARISONS[name](bench):
                results.append(result)
                print(result.line(), flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps([result.to_json() for result in results], indent=1))
    return 1 if options.check and not all(result.is_met for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
