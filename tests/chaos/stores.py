# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A store that is down, hangs, is full, or fails over to a copy that lacks the newest writes."""

import collections
import contextlib
import shutil
import statistics
import time

import grpc
import raw_session as raw
from checked_session import ASYNC, SYNC
from judge import judge_load
from metrics_page import MetricsPage
from oracle import frames
from outcome import Line, line_of_ratios
from servers import Overdue, wait_until
from store import Store
from tally import Tally, as_text

STEPPING_SECONDS = 20
# The rate is high enough for a p99 in each turn. There are many short turns, because other work on
# the machine comes and goes.
RATE = 60.0  # steps per second of each session
TURN_SECONDS, LAST_SECONDS = 10, 30
CATCH_UP_GOAL_SECONDS, CATCH_UP_LIMIT_SECONDS = 5, 30
P99_GOAL = 1.05
JUNK_BYTES = 1 << 20
JUNK_COMMANDS = 16


class StoreFault:
    """One way in which a store fails and returns. `reason` is the error of a synchronous step."""

    def __init__(self, name, reason, begin, end):
        self.name, self.reason, self.begin, self.end = name, reason, begin, end


def _return_empty(store):
    shutil.rmtree(store.folder / "appendonlydir", ignore_errors=True)
    store.start()


def _fill(store):
    store.ask("CONFIG SET maxmemory 8mb")
    for number in range(JUNK_COMMANDS):
        if "OOM" in store.ask(f"SETRANGE junk:{number} {JUNK_BYTES} x"):
            return
    raise RuntimeError("the store accepted all the junk")


def _make_room(store):
    store.ask("CONFIG SET maxmemory 256mb")
    for number in range(JUNK_COMMANDS):
        store.ask(f"DEL junk:{number}")


FAULTS = [
    StoreFault("down, back with data", "STORE_DOWN", Store.kill, Store.start),
    StoreFault("down, back without data", "STORE_DOWN", Store.kill, _return_empty),
    StoreFault("hung", "STORE_DOWN", Store.pause, Store.resume),
    StoreFault("full", "STORE_FULL", _fill, _make_room),
]


def store_down(run, outcome):
    """Applies each of FAULTS to a separate store. `amount`: times."""
    total = Tally()
    for fault in FAULTS:
        # The store appends to a file, for the fault in which it returns with its data.
        with run.servers(1, store_options=("--appendonly", "yes")) as servers, \
                run.load(servers, rate=RATE) as load:
            outcome.lines += _lines_of_fault(run.amount, servers, load, fault)
            tally = load.stop()
        outcome.lines.append(Line(
            f"{fault.name}: errors of asynchronous sessions", "0",
            f"{sum(tally.refused.values())} refused ({as_text(tally.refused)}), {tally.lost} lost "
            f"({as_text(tally.ended)})", not tally.refused and not tally.lost))
        total.add(tally)
    judge_load(outcome, total)


def _lines_of_fault(num_turns, servers, load, fault):
    replica, store = servers.replicas[0], servers.store
    calls = raw.connect(replica.address)
    raw.open_session(calls, "sync", SYNC)
    wait_until(load.is_stepping, "the first step of every session", STEPPING_SECONDS)
    time.sleep(1.0)
    befores, durings, caught_up = [], [], []
    answers, afterwards = collections.Counter(), collections.Counter()
    for turn in range(num_turns):
        befores.append(_p99_during(TURN_SECONDS, replica))
        fault.begin(store)
        durings.append(_p99_during(
            TURN_SECONDS if turn < num_turns - 1 else LAST_SECONDS, replica))
        answers += _ask_sync(calls, turn)
        fault.end(store)
        caught_up.append(_seconds_to_catch_up(load))
        afterwards[_answer_to_sync(calls, turn)] += 1
    ratios = [during / before for before, during in zip(befores, durings)]
    changes = [f"{100 * (ratio - 1):+.0f}" for ratio in sorted(ratios)]
    yield line_of_ratios(
        f"{fault.name}: p99 of a step, compared with before", "<= +5 %", ratios, P99_GOAL,
        f"{100 * (statistics.median(ratios) - 1):+.0f} % (median of {', '.join(changes)} %; "
        f"{1e6 * statistics.median(befores):.0f} us before)")
    yield Line(f"{fault.name}: error of a synchronous step", fault.reason, as_text(answers),
               {what.split()[-1] for what in answers} == {fault.reason})
    yield Line(f"{fault.name}: catch-up of durable versions", f"<= {CATCH_UP_GOAL_SECONDS} s",
               f"{max(caught_up):.1f} s", max(caught_up) <= CATCH_UP_GOAL_SECONDS)
    yield Line(f"{fault.name}: synchronous steps afterwards", "served", as_text(afterwards),
               set(afterwards) == {"served"})


def _p99_during(seconds, replica):
    """Returns the p99 of steps in seconds, according to the server's metrics."""
    page = MetricsPage.of(replica.metrics_address, timeout_s=5)
    time.sleep(seconds)
    now = MetricsPage.of(replica.metrics_address, timeout_s=5)
    return now.quantile(page, 0.99, "rnnserve_request_duration_seconds", method="Step")


def _ask_sync(calls, index):
    """Returns the answers to three attempts of a step of the synchronous session."""
    answers = collections.Counter()
    for _ in range(3):
        answers[_try_sync(calls, index)] += 1
    return answers


def _answer_to_sync(calls, index):
    """Returns the last answer to that step within the time for catching up."""
    deadline, answer = time.monotonic() + CATCH_UP_GOAL_SECONDS, "nothing"
    while time.monotonic() < deadline and answer != "served":
        answer = _try_sync(calls, index)
        time.sleep(0.05)
    return answer


def _try_sync(calls, index):
    try:
        raw.step(calls, "sync", index, frames(0, index, index + 1))
        return "served"
    except grpc.RpcError as error:
        return raw.code_and_reason(error)


def _seconds_to_catch_up(load):
    """Returns how long it takes until all steps made before the store returned are durable."""
    goals = [(session, session.version) for session in load.sessions]
    with contextlib.suppress(Overdue):
        return wait_until(
            lambda: all(session.last_durable >= version for session, version in goals),
            "the catch-up", CATCH_UP_LIMIT_SECONDS)
    return float(CATCH_UP_LIMIT_SECONDS)


def store_failover(run, outcome):
    """Cuts the replica of a store off from it. The store continues and is then lost, together with
    what only it had; at the same time a server is killed, so that its sessions are restored from
    the replica. `amount`: rounds."""
    total = Tally()
    for turn in range(run.amount):
        total.add(_fail_over(run, turn))
    judge_load(outcome, total)
    # A writer may also find itself fenced: its epoch was lost with the store and given out again.
    other = collections.Counter({what: number for what, number in total.ended.items()
                                 if "STATE_REGRESSED" not in what and "FENCED" not in what})
    outcome.lines += [
        Line("sessions whose writes were lost", "some, all reported",
             f"{total.regressions} in {run.amount} rounds", total.regressions > 0),
        Line("sessions that ended for another reason", "0",
             f"{as_text(other)} (reported: {total.lost - sum(other.values())})", not other),
    ]


def _fail_over(run, turn):
    with contextlib.ExitStack() as stack:
        link = run.folder / f"store-{turn}.sock"
        servers = stack.enter_context(run.servers(2, link=link))
        folder = servers.folder / "copy"
        folder.mkdir()
        copy = Store(folder, ["--replicaof", "127.0.0.1", servers.store.port,
                              "--repl-diskless-sync-delay", "0"])
        stack.callback(copy.kill)
        copy.start()
        wait_until(lambda: "master_link_status:up" in copy.ask("INFO replication"),
                   "the copy of the store", STEPPING_SECONDS)
        load = stack.enter_context(run.load(servers, kinds=(ASYNC, SYNC)))
        wait_until(load.is_stepping, "the first step of every session", STEPPING_SECONDS)
        time.sleep(1.5)
        copy.ask("REPLICAOF NO ONE")
        time.sleep(run.random.uniform(0.5, 2.0))
        servers.store.kill()
        servers.replicas[0].kill()
        _point(link, copy)
        time.sleep(4.0)
        return load.stop()


def _point(link, store):
    """Lets `link` point to the socket of `store`, atomically."""
    fresh = link.with_suffix(".new")
    fresh.symlink_to(store.socket)
    fresh.rename(link)
