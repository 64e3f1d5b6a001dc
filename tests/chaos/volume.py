# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Many sessions: the cost of storing all of them at once, and the cost of checkpoints."""

import contextlib
import itertools
import json
import pathlib
import statistics
import struct
import threading
import time

import numpy as np
import raw_session as raw
from checked_session import ASYNC
from metrics_page import MetricsPage
from oracle import MODEL, frames
from outcome import Line, line_of_ratios
from rnnserve.v1 import session_pb2, tensor_pb2
from servers import wait_until

NUM_CHANGED, NUM_STEPS = 10_000, 2
STEPPED_AT_ONCE, OPENED_AT_ONCE = 100, 200
NUM_LOOKED_AT = 250
CHECKPOINT_GOAL_SECONDS, DRAIN_GOAL_SECONDS = 5, 22
# Two states of 512 places and 4 filters have 16 KiB, but the weights only a few hundred bytes.
PLACES, FILTERS, KERNEL = 512, 4, 3

NUM_FAST, NUM_CALLERS = 100, 4
# There are many short turns, because other work on the machine comes and goes.
TURN_SECONDS = 0.5
COST_GOAL = 0.03


def write_wide(folder):
    """Writes a bundle (core/model/FORMAT.md) of a convolutional LSTM with 4096 floats of state."""
    path = pathlib.Path(folder) / "wide"
    path.mkdir(parents=True, exist_ok=True)
    layers = [
        {"class_name": "InputLayer",
         "config": {"name": "x", "batch_shape": [None, None, PLACES, 1]}},
        {"class_name": "ConvLSTM1D",
         "config": {"name": "wide", "filters": FILTERS, "kernel_size": [KERNEL],
                    "padding": "same"}}]
    (path / "model.json").write_text(json.dumps({
        "format_version": 1, "generator": "tests/chaos",
        "model": {"class_name": "Sequential", "config": {"name": "wide", "layers": layers}}}))
    shapes = {"wide/kernel": [KERNEL, 1, 4 * FILTERS], "wide/bias": [4 * FILTERS],
              "wide/recurrent_kernel": [KERNEL, FILTERS, 4 * FILTERS]}
    header, data = {}, b""
    for number, (name, shape) in enumerate(shapes.items()):
        values = np.random.default_rng(number).uniform(-0.3, 0.3, shape).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    (path / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def drain_10k(run, outcome):
    """Stops a server when all of its many sessions have changed. `amount` is not used."""
    wide = {"wide": write_wide(run.folder)}
    # Nothing is written before the end, so that everything is written then.
    options = ("--checkpoint-steps=1000000", "--checkpoint-interval-ms=3600000")
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(run.servers(
            2, models=wide, server_options=options, store_options=("--maxmemory", "1gb")))
        first, second = servers.replicas
        ids = [f"wide-{number}" for number in range(NUM_CHANGED)]
        calls = raw.connect(first.address)
        _open(calls, ids, "wide")
        begin = time.monotonic()
        for _ in range(NUM_STEPS):
            _step_all(calls, ids)
        outcome.steps, outcome.load_seconds = NUM_STEPS * NUM_CHANGED, time.monotonic() - begin
        changed = MetricsPage.of(first.metrics_address, 5).total(
            "rnnserve_checkpoint_changed_sessions")
        writes = _num_writes(servers.store)
        begin = time.monotonic()
        first.drain()
        wait_until(lambda: _num_writes(servers.store) >= writes + NUM_CHANGED,
                   "the checkpoint of all", 40)
        checkpoint = time.monotonic() - begin
        code, _ = servers.wait_for_end(first)
        drain = time.monotonic() - begin
        wrong = _num_wrong(raw.connect(second.address), ids)
    outcome.lines += [
        Line("sessions of 16 KiB that have changed", str(NUM_CHANGED), f"{changed:.0f}",
             changed == NUM_CHANGED),
        Line("checkpoint of all", f"<= {CHECKPOINT_GOAL_SECONDS} s", f"{checkpoint:.2f} s",
             checkpoint <= CHECKPOINT_GOAL_SECONDS),
        Line("exit of the server", f"0 in <= {DRAIN_GOAL_SECONDS} s", f"{code} in {drain:.2f} s",
             code == 0 and drain <= DRAIN_GOAL_SECONDS),
        Line("sessions missing or wrong on another server", "0",
             f"{wrong} of {NUM_LOOKED_AT} looked at", wrong == 0),
    ]


def _open(calls, ids, model, durability=ASYNC):
    for some in _pieces(ids, OPENED_AT_ONCE):
        opened = [calls.OpenSession.future(session_pb2.OpenSessionRequest(
            model=model, session_id=session_id, durability=durability), timeout=30)
            for session_id in some]
        for one in opened:
            one.result()


def _pieces(ids, size):
    return [ids[begin:begin + size] for begin in range(0, len(ids), size)]


def _input_of(number):
    """Returns a different input for each session."""
    return ((np.arange(PLACES) * 7 + number) % 64 / 64).astype("<f4")


def _tensor(array):
    return tensor_pb2.Tensor(
        dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=array.shape, raw=array.tobytes())


def _step_all(calls, ids):
    for begin in range(0, len(ids), STEPPED_AT_ONCE):
        some = ids[begin:begin + STEPPED_AT_ONCE]
        rows = np.stack([_input_of(begin + row) for row in range(len(some))])
        reply = calls.StepSessions(session_pb2.StepSessionsRequest(
            model="wide", session_ids=some,
            input=_tensor(rows.reshape(len(some), 1, PLACES, 1))), timeout=30)
        if reply.errors:
            raise RuntimeError(f"{len(reply.errors)} steps failed: {reply.errors[0].error.message}")


def _num_writes(store):
    """Returns how often a script has written so far, including the scripts that open sessions."""
    stats = store.ask("INFO commandstats")
    line = next(line for line in stats.splitlines() if line.startswith("cmdstat_hset:"))
    return int(line.split("calls=")[1].split(",")[0])


def _num_wrong(calls, ids):
    """Returns how many of some sessions do not continue like an undisturbed one."""
    wrong = 0
    for number in range(0, len(ids), len(ids) // NUM_LOOKED_AT):
        frame, fresh = _input_of(number).reshape(1, PLACES, 1), f"fresh-{number}"
        raw.open_session(calls, fresh, session_pb2.DURABILITY_NONE, "wide")
        expected = calls.Step(session_pb2.StepRequest(
            session_id=fresh, input=_tensor(np.repeat(frame, NUM_STEPS + 1, axis=0))), timeout=30)
        place = raw.attach(calls, ids[number])
        reply = raw.step(calls, ids[number], place.version, frame)
        wrong += place.version != NUM_STEPS or reply.output.raw != expected.output.raw
    return wrong


def checkpoint_cost(run, outcome):
    """Steps fast sessions with and without checkpoints, in turns. `amount`: turns."""
    rates = {"async": [], "none": []}
    with run.servers(1) as servers:
        calls = [raw.connect(servers.replicas[0].address) for _ in range(NUM_CALLERS)]
        kinds = {"async": ASYNC, "none": session_pb2.DURABILITY_NONE}
        for kind, durability in kinds.items():
            _open(calls[0], _fast_ids(kind), MODEL, durability)
        for kind in kinds:
            _rate(calls, kind)  # A warm-up.
        begin = time.monotonic()
        for turn in range(run.amount):
            # Each kind goes first in half of the turns.
            for kind in sorted(kinds, reverse=turn % 2):
                rates[kind].append(_rate(calls, kind))
        outcome.load_seconds = time.monotonic() - begin
    outcome.steps = round(sum(itertools.chain(*rates.values())) * TURN_SECONDS)
    ratios = [without / with_it for with_it, without in zip(rates["async"], rates["none"])]
    costs = [100 * (1 - 1 / ratio) for ratio in ratios]
    low, median, high = statistics.quantiles(costs, n=4)
    outcome.lines.append(line_of_ratios(
        "throughput cost of checkpoints", f"<= {100 * COST_GOAL:.0f} %", ratios,
        1 / (1 - COST_GOAL),
        f"{median:.1f} % (half of {len(costs)} turns: {low:.0f} to {high:.0f} %; "
        f"{statistics.median(rates['none']):.0f} steps/s without)"))


def _fast_ids(kind):
    return [f"{kind}-{number}" for number in range(NUM_FAST)]


def _rate(calls, kind):
    """Returns the steps per second of all sessions of a kind; callers step them without a pause."""
    end, counts = time.monotonic() + TURN_SECONDS, [0] * NUM_CALLERS
    pieces = _pieces(_fast_ids(kind), NUM_FAST // NUM_CALLERS)

    def keep_stepping(caller):
        request = session_pb2.StepSessionsRequest(
            model=MODEL, session_ids=pieces[caller],
            input=_tensor(np.repeat(frames(0, 0, 1)[None], len(pieces[caller]), axis=0)))
        while time.monotonic() < end:
            reply = calls[caller].StepSessions(request, timeout=30)
            counts[caller] += len(pieces[caller]) - len(reply.errors)

    begin = time.monotonic()
    threads = [threading.Thread(target=keep_stepping, args=(caller,))
               for caller in range(NUM_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - begin)
