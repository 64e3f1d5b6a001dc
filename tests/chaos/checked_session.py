# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A resumable session that compares every output and every version with the oracle."""

import time

import example
import resumable
from oracle import MODEL, frames
from rnnserve.v1 import session_pb2
from step_remedy import remedy_for

SYNC, ASYNC = session_pb2.DURABILITY_SYNC, session_pb2.DURABILITY_ASYNC


class CheckedSession(resumable.ResumableSession):
    """Steps through a tune and counts its observations, above and below the library, in the tally.

    It inspects each answer before the library does and keeps its own record of the durable
    versions: a session that is found before such a version without a report has regressed
    silently. Used by one thread at a time.
    """

    def __init__(self, targets, oracle, tune, tally, **options):
        self._oracle, self._tune, self._tally = oracle, tune, tally
        self._told_durable = 0  # The newest version that a reply reported as durable.
        self._found_before = False  # At an older version than that one; must be reported.
        self._is_resumed = False  # The session was resumed after the last output.
        self._is_unfinished = False  # The step may have been performed.
        self._last_output = time.monotonic()
        self.last_durable = 0  # As in the last reply; can fall, unlike durable_version.
        super().__init__(targets, MODEL, observer=self._on_resumption, **options)

    def advance(self):
        """Makes or finishes one step. Raises the library's exceptions."""
        try:
            self._compare(self._step())
        except resumable.SessionEnded as ended:
            if self._found_before and "STATE_REGRESSED" not in str(ended):
                self._tally.count("silent")
            self._found_before = False
            raise

    def _step(self):
        if self._is_unfinished:
            return self.finish_step()
        try:
            return self.step(frames(self._tune, self.version, self.version + 1))
        except resumable.StepUnfinished:
            self._is_unfinished = True
            raise

    def _compare(self, output):
        now = time.monotonic()
        self._is_unfinished = False
        if self._is_resumed:
            self._tally.note_gap(now - self._last_output)
        self._is_resumed, self._last_output = False, now
        if self._found_before:  # The session continued without a report.
            self._tally.count("silent")
            self._found_before = False
        if output.tobytes() != self._oracle.expected(self._tune, self.version - 1):
            self._tally.count("wrong")
        self._tally.count("steps")

    def _on_resumption(self, resumption):
        self._tally.count("resumptions")
        self._is_resumed = True
        self._found_before &= not resumption.is_regressed

    def _call(self, method, request):
        reply = super()._call(method, request)
        if method == "Step":
            self._look_at_step(request, reply)
        elif method in ("AttachSession", "OpenSession"):
            self._look_at_place(reply.version)
        return reply

    def _look_at_step(self, request, reply):
        is_own = reply.version == request.step_index + 1 and reply.session_id == self.id
        if not is_own or (not reply.replayed and reply.durable_version > reply.version):
            self._tally.count("wrong")
        self.last_durable = reply.durable_version
        self._told_durable = max(self._told_durable, reply.durable_version)

    def _look_at_place(self, version):
        if version < self._told_durable:
            self._found_before = True
            self._tally.count("regressions")
        # Earlier reports no longer count: the session has a new history from here on.
        self._told_durable = min(self._told_durable, version)

    def _prepare_again(self, error):
        reason = f"{error.code().name} {example.error_reason(error)}".strip()
        self._tally.note("errors", (remedy_for(error), reason))
        return super()._prepare_again(error)
