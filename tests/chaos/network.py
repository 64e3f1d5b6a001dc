# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A network that duplicates requests, loses answers and lets calls overtake each other."""

import random
import time

import grpc
from checked_load import CheckedLoad
from checked_session import ASYNC, SYNC, CheckedSession
from judge import judge_errors, judge_load, judge_none_lost
from outcome import Line
from rnnserve.v1 import session_pb2

DUPLICATED = LOST = OVERTAKEN = 0.1
NUM_SESSIONS = 16
LATE_SECONDS = 10


class AnswerLost(grpc.RpcError):
    """The error that a client sees when a connection breaks before the answer."""

    def code(self):
        return grpc.StatusCode.UNAVAILABLE

    def details(self):
        return "the answer was lost"

    def trailing_metadata(self):
        return ()


class LossySession(CheckedSession):
    """Injects the faults between the library and gRPC, where they look like those of a network."""

    # The faults of all sessions; approximate, because there is no lock.
    num_faults = {"duplicated": 0, "lost": 0, "overtaken": 0}

    def __init__(self, *arguments, **options):
        self._chance = random.Random(f"{arguments[2]}")
        self._late = None  # An old request that is still in flight.
        super().__init__(*arguments, **options)

    def _call(self, method, request):
        if method != "Step":
            return super()._call(method, request)
        if self._chance.random() < DUPLICATED:
            self._send_beside(request, "duplicated")
        self._send_late_one(request)
        reply = super()._call(method, request)
        if self._chance.random() < LOST:
            self.num_faults["lost"] += 1
            raise AnswerLost
        return reply

    def _send_late_one(self, request):
        """Sends an earlier request only now, together with this one or before it."""
        if self._late is not None:
            self._send_beside(self._late, "overtaken")
            self._late = None
        elif self._chance.random() < OVERTAKEN:
            self._late = session_pb2.StepRequest.FromString(request.SerializeToString())

    def _send_beside(self, request, what):
        self.num_faults[what] += 1
        self._stub.Step.future(request, timeout=LATE_SECONDS)


def lossy_network(run, outcome):
    """Steps sessions over a network with faults. `amount`: steps."""
    before = dict(LossySession.num_faults)
    with run.servers() as servers, CheckedLoad(
            servers.targets, run.oracle, num_sessions=NUM_SESSIONS, rate=0, kinds=(ASYNC, SYNC),
            session_type=LossySession) as load:
        while load.tally.steps < run.amount:
            load.raise_if_broken()
            time.sleep(0.05)
        tally = load.stop()
    judge_load(outcome, tally)
    judge_none_lost(outcome, tally)
    judge_errors(outcome, tally)
    faults = {what: number - before[what] for what, number in LossySession.num_faults.items()}
    outcome.lines.append(Line(
        "faults made", "> 0 each", ", ".join(f"{n} {what}" for what, n in faults.items()),
        all(faults.values())))
