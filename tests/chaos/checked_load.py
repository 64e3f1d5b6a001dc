# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checked sessions that step at a steady rate, each in its own thread."""

import contextlib
import threading
import time

import example
import grpc
import resumable
from checked_session import ASYNC, CheckedSession
from oracle import NUM_TUNES
from tally import Tally

# The load is half again as much as a run needs, because faults reduce it.
NUM_SESSIONS = 32
RATE = 12.0  # steps per second of each session
PAUSE_SECONDS = 0.1  # Between a failure and the next attempt.
WATCH_SECONDS = 0.1
JOIN_SECONDS = 60


def _reason(error):
    """Returns the code, reason and text of an error."""
    return f"{error.code().name} {example.error_reason(error)} {error.details()}".strip()


class CheckedLoad(contextlib.AbstractContextManager):
    """Steps its sessions from the start of its `with` block until `stop` or the end of the block.
    `kinds` are the durabilities, used in turn."""

    def __init__(self, targets, oracle, *, num_sessions=NUM_SESSIONS, rate=RATE, kinds=(ASYNC,),
                 session_type=CheckedSession, **options):
        self.tally = Tally()
        self.sessions = [None] * num_sessions
        self._targets, self._oracle, self._options = targets, oracle, options
        self._pause = 1 / rate if rate else 0.0
        self._kinds, self._session_type = kinds, session_type
        self._is_over = threading.Event()
        self._broken = []
        self._threads = [threading.Thread(target=self._guard, args=(index,), daemon=True)
                         for index in range(num_sessions)]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()

    def stop(self):
        """Ends the load and returns its tally."""
        self.tally.end()
        self._is_over.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        self.raise_if_broken()
        return self.tally

    def raise_if_broken(self):
        """Raises the error that ended a thread. Only a bug in this program can end one."""
        if self._broken:
            raise self._broken[0]

    def is_stepping(self):
        """Returns whether every session has made a step."""
        return all(session and session.version > 0 for session in self.sessions)

    def _watch(self):
        """Records how long the whole machine stood still, which delays steps without any fault of
        a server."""
        last = time.monotonic()
        while not self._is_over.wait(WATCH_SECONDS):
            now = time.monotonic()
            self.tally.stillness = max(self.tally.stillness, now - last - WATCH_SECONDS)
            last = now

    def _guard(self, index):
        try:
            self._is_over.wait(self._pause * index / len(self.sessions))  # Not all at once.
            while not self._is_over.is_set():
                self._live(index)
        except BaseException as error:  # stop() raises it.
            self._broken.append(error)

    def _live(self, index):
        """Runs one session until it ends."""
        # The sessions begin at different replicas.
        turn = index % len(self._targets)
        targets = self._targets[turn:] + self._targets[:turn]
        try:
            session = self._session_type(
                targets, self._oracle, index % NUM_TUNES, self.tally,
                durability=self._kinds[index % len(self._kinds)], **self._options)
            self.sessions[index] = session
            while not self._is_over.is_set():
                self._step(session)
        except resumable.SessionEnded as ended:
            self.tally.note("ended", str(ended).partition(":")[0])
        except grpc.RpcError as error:  # The session was not opened.
            self.tally.note("refused", _reason(error))
            self._is_over.wait(PAUSE_SECONDS)

    def _step(self, session):
        begin = time.monotonic()
        try:
            session.advance()
        except resumable.StepUnfinished as error:
            self.tally.note("refused", f"UNFINISHED after {_reason(error.__cause__)}")
            self._is_over.wait(PAUSE_SECONDS)
        except grpc.RpcError as error:
            self.tally.note("refused", _reason(error))
            self._is_over.wait(PAUSE_SECONDS)
        wait = self._pause - (time.monotonic() - begin)
        if wait > 0:
            self._is_over.wait(wait)
