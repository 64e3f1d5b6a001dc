# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A store that goes away, hangs, is full, or fails over to a copy that lacks the newest writes."""

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
from tally import Tally, told

STEPPING_SECONDS = 20
# Enough for a p99. Its turns are short and many: what else runs on the machine comes and goes.
RATE = 60.0  # steps a second of each session
TURN_SECONDS, LAST_SECONDS = 10, 30
CATCH_UP_GOAL_SECONDS, CATCH_UP_LIMIT_SECONDS = 5, 30
P99_GOAL = 1.05
JUNK_BYTES = 1 << 20
JUNK_COMMANDS = 16


class StoreFault:
    """One way in which a store fails and comes back. `reason` is what a synchronous step says."""

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
    raise RuntimeError("the store took all the junk")


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
    """Each of FAULTS on a store of its own. `amount`: how often."""
    total = Tally()
    for fault in FAULTS:
        # Appended to a file, for the one that comes back with its data.
        with run.servers(1, store_options=("--appendonly", "yes")) as servers, \
                run.load(servers, rate=RATE) as load:
            outcome.lines += _lines_of_fault(run.amount, servers, load, fault)
            tally = load.stop()
        outcome.lines.append(Line(
            f"{fault.name}: errors of asynchronous sessions", "0",
            f"{sum(tally.refused.values())} refused ({told(tally.refused)}), {tally.lost} lost "
            f"({told(tally.ended)})", not tally.refused and not tally.lost))
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
        f"{fault.name}: p99 of a step against before", "<= +5 %", ratios, P99_GOAL,
        f"{100 * (statistics.median(ratios) - 1):+.0f} % (median of {', '.join(changes)} %; "
        f"{1e6 * statistics.median(befores):.0f} us before)")
    yield Line(f"{fault.name}: a synchronous step says", fault.reason, told(answers),
               {what.split()[-1] for what in answers} == {fault.reason})
    yield Line(f"{fault.name}: catch-up of what is durable", f"<= {CATCH_UP_GOAL_SECONDS} s",
               f"{max(caught_up):.1f} s", max(caught_up) <= CATCH_UP_GOAL_SECONDS)
    yield Line(f"{fault.name}: synchronous steps afterwards", "served", told(afterwards),
               set(afterwards) == {"served"})


def _p99_during(seconds, replica):
    """Of steps, as the server has it: seconds."""
    page = MetricsPage.of(replica.metrics_address, timeout_s=5)
    time.sleep(seconds)
    now = MetricsPage.of(replica.metrics_address, timeout_s=5)
    return now.quantile(page, 0.99, "rnnserve_request_duration_seconds", method="Step")


def _ask_sync(calls, index):
    """The answers to three tries of a step of the synchronous session."""
    answers = collections.Counter()
    for _ in range(3):
        answers[_try_sync(calls, index)] += 1
    return answers


def _answer_to_sync(calls, index):
    """What that step says at last, within the time for catching up."""
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
        return raw.say(error)


def _seconds_to_catch_up(load):
    """Until every session is told that what it had when the store came back is durable."""
    goals = [(session, session.version) for session in load.sessions]
    with contextlib.suppress(Overdue):
        return wait_until(
            lambda: all(session.last_durable >= version for session, version in goals),
            "the catch-up", CATCH_UP_LIMIT_SECONDS)
    return float(CATCH_UP_LIMIT_SECONDS)


def store_failover(run, outcome):
    """The replica of a store is cut off, the store goes on and is lost, and what it alone had is
    lost with it; at the same time a server is killed, so that its sessions are found as the replica
    has them. `amount`: rounds."""
    total = Tally()
    for turn in range(run.amount):
        total.add(_fail_over(run, turn))
    judge_load(outcome, total)
    # A writer may find itself fenced too: its epoch was lost with the store, and given out again.
    other = collections.Counter({what: number for what, number in total.ended.items()
                                 if "STATE_REGRESSED" not in what and "FENCED" not in what})
    outcome.lines += [
        Line("sessions whose writes were lost", "some, to be told",
             f"{total.regressions} in {run.amount} rounds", total.regressions > 0),
        Line("sessions that ended otherwise than by saying so", "0",
             f"{told(other)} (said so: {total.lost - sum(other.values())})", not other),
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
    """Lets `link` be the socket of `store`, from one moment to the next."""
    fresh = link.with_suffix(".new")
    fresh.symlink_to(store.socket)
    fresh.rename(link)
