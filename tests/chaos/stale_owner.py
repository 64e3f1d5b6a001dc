# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sessions whose replica is paused while another one takes them over.

Before the pause each session has steps on the first replica; the asynchronous sessions have some
that are not stored yet. While the first replica is paused, it is sent a step with another input,
which waits in its socket, and the second replica takes the session and continues with the right
input. Whatever the first replica does when it wakes up, the third one must find the result of the
second one.
"""

import collections

import grpc
import raw_session as raw
from checked_session import ASYNC, SYNC
from oracle import NUM_TUNES, frames
from outcome import Line
from tally import as_text

NUM_SESSIONS = 16
# There are fewer steps than the 32 after which a checkpoint is made, so that the last of them are
# not stored.
STEPS_BEFORE, STEPS_BEHIND = 20, 10
# The reasons with which a replica that is no longer the owner may refuse a step.
REFUSALS = ("FENCED", "STEP_FENCED", "STALE_OWNER", "STEP_REUSED", "STEP_GAP", "SESSION_UNKNOWN",
            "STEP_TOO_OLD", "SESSION_MOVED")
WAIT_SECONDS = 60


class StaleOwner:
    """Call `begin`, `move_on` and `judge` in turn, once per pause. Used by one thread at a time."""

    def __init__(self, oracle):
        self._oracle = oracle
        self._answers = collections.Counter()
        self._num_sessions = self._num_changed = self._num_durable = 0

    def begin(self, turn, replicas):
        self._calls = [raw.connect(replica.address) for replica in replicas]
        self._ids = [f"stale-{turn}-{index}" for index in range(NUM_SESSIONS)]
        for index, session_id in enumerate(self._ids):
            raw.open_session(self._calls[0], session_id, SYNC if index % 2 else ASYNC)
            for number in range(STEPS_BEFORE):
                self._step(0, index, number)

    def move_on(self):
        """Call this while the first replica is paused."""
        self._late = [self._send_other_step(index) for index in range(NUM_SESSIONS)]
        self._versions = []
        for index, session_id in enumerate(self._ids):
            begin = raw.attach(self._calls[1], session_id).version
            for number in range(begin, begin + STEPS_BEHIND):
                self._step(1, index, number)
            self._versions.append(begin + STEPS_BEHIND)

    def judge(self):
        """Call this when the first replica is awake and has had time to act."""
        for late in self._late:
            self._count_answer(late)
        for index, session_id in enumerate(self._ids):
            self._num_sessions += 1
            version = raw.attach(self._calls[2], session_id).version
            if version != self._versions[index] or not self._is_right(index, version):
                self._num_changed += 1

    def lines(self):
        refused = sum(self._answers[what] for what in self._answers
                      if what.split()[-1] in REFUSALS)
        return [
            Line("sessions that a stale owner changed in the store", "0",
                 f"{self._num_changed} of {self._num_sessions}", self._num_changed == 0),
            Line("stale steps reported as durable", "0",
                 f"{self._num_durable}; answers: {as_text(self._answers)}",
                 self._num_durable == 0 and refused > 0),
        ]

    def _step(self, replica, index, number):
        frame = frames(index % NUM_TUNES, number, number + 1)
        return raw.step(self._calls[replica], self._ids[index], number, frame)

    def _is_right(self, index, number):
        output = self._step(2, index, number).output.raw
        return output == self._oracle.expected(index % NUM_TUNES, number)

    def _send_other_step(self, index):
        other = frames((index + 1) % NUM_TUNES, 1000, 1001)
        request = raw.step_request(self._ids[index], STEPS_BEFORE, other)
        return self._calls[0].Step.future(request, timeout=WAIT_SECONDS)

    def _count_answer(self, late):
        try:
            reply = late.result(WAIT_SECONDS)
        except grpc.RpcError as error:
            self._answers[raw.code_and_reason(error)] += 1
            return
        # An asynchronous step may still be answered; the next call reports that it is void.
        self._answers["answered"] += 1
        self._num_durable += reply.durable_version >= reply.version
