# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Clients that are killed, and clients that compete for the same session."""

import contextlib
import subprocess
import sys
import threading
import time

import grpc
import programs
import raw_session as raw
from judge import judge_load
from metrics_page import MetricsPage
from oracle import NUM_TUNES, frames
from outcome import Line
from process import killed_with_parent
from servers import Overdue, wait_until
from tally import quantile
from writers import Writers

NUM_CLIENTS_AHEAD = 4  # A client needs a while to start.
READY_SECONDS = 30
GAUGE_SECONDS = 10
STEPS_BEHIND = 3


class StreamClient:
    """A process that steps a detached session on a stream. Start it in the main thread."""

    def __init__(self, address, session_id, tune):
        self.session_id, self.tune = session_id, tune
        self._process = subprocess.Popen(
            killed_with_parent([sys.executable, programs.ROOT / "tests/chaos/stream_client.py",
                                address, session_id, tune]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)

    def go(self):
        """Starts the client's steps, and returns after the first one."""
        self._process.stdout.readline()  # The line "ready".
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def kill(self):
        """Kills the client. Returns the number of steps whose answers it saw."""
        self._process.kill()
        with self._process:
            return 1 + self._process.stdout.read().count(b"\n")


class Clients(contextlib.AbstractContextManager):
    """Hands out clients one by one and starts the next ones in advance. At the end, kills those
    that were not handed out."""

    def __init__(self, address, number):
        self._address, self._number, self._started = address, number, 0
        self._waiting = []

    def __exit__(self, *_):
        for client in self._waiting:
            client.kill()

    def take(self):
        while len(self._waiting) < NUM_CLIENTS_AHEAD and self._started < self._number:
            name, tune = f"killed-{self._started}", self._started % NUM_TUNES
            self._waiting.append(StreamClient(self._address, name, tune))
            self._started += 1
        client = self._waiting.pop(0)
        client.go()
        return client


def client_kill(run, outcome):
    """SIGKILL of a client with a busy stream, at a random moment. `amount`: kills."""
    closings, num_open, num_torn, num_wrong = [], 0, 0, 0
    with run.servers(1) as servers, run.load(servers) as load:
        replica = servers.replicas[0]
        calls = raw.connect(replica.address)
        with Clients(replica.address, run.amount) as clients:
            for _ in range(run.amount):
                client = clients.take()
                time.sleep(run.random.uniform(0, 0.1))
                num_answered = client.kill()
                try:
                    closings.append(wait_until(lambda: _open_streams(replica) == 0,
                                               "the end of the stream", GAUGE_SECONDS))
                except Overdue:
                    num_open += 1
                is_found, is_right = _resume(run.oracle, calls, client, num_answered)
                num_torn += not is_found
                num_wrong += not is_right
        tally = load.stop()
    judge_load(outcome, tally)
    longest = max(closings, default=GAUGE_SECONDS)
    outcome.lines += [
        Line("longest time until a killed client's stream closes", "<= 1 s",
             f"{longest:.2f} s (p99 {quantile(closings, 0.99):.2f}, {len(closings)} times, "
             f"{num_open} never)", not num_open and longest <= 1.0),
        Line("sessions that cannot be continued", "0", f"{num_torn} of {run.amount}",
             num_torn == 0),
        Line("sessions that continue wrongly", "0", f"{num_wrong} of {run.amount}", num_wrong == 0),
    ]


def _open_streams(replica):
    return MetricsPage.of(replica.metrics_address, timeout_s=5).total("rnnserve_open_streams")


def _resume(oracle, calls, client, num_answered):
    """Returns whether the session has every answered step, and whether it continues with the right
    outputs."""
    try:
        begin = raw.attach(calls, client.session_id).version
        # The step that was running may have been kept: at most one for each message in flight.
        is_found = begin in (num_answered, num_answered + 1)
        for index in range(begin, begin + STEPS_BEHIND):
            frame = frames(client.tune, index, index + 1)
            output = raw.step(calls, client.session_id, index, frame).output.raw
            if output != oracle.expected(client.tune, index):
                return is_found, False
        return is_found, True
    except grpc.RpcError:
        return False, True


def two_writers(run, outcome):
    """Two writers per session that take it from each other by force. `amount`: seconds."""
    with run.servers() as servers, run.load(servers) as load:
        writers = Writers(servers.targets, run.random)
        threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers.all]
        for thread in threads:
            thread.start()
        time.sleep(run.amount)
        writers.stop()
        for thread in threads:
            thread.join(READY_SECONDS)
        tally = load.stop()
        judge_load(outcome, tally)
        outcome.lines += writers.judge(run.oracle)
        outcome.steps += writers.num_steps
