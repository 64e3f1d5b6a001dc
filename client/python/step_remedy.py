# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tells a caller that can send a failed call again what to do about the failure."""

import example  # Generates the stubs.
import grpc
from google.rpc import error_details_pb2

Code = grpc.StatusCode
# The codes by which gRPC reports a broken connection, a proxy that gave up or a lost answer. If the
# error carries a reason, the server itself sent it.
BROKEN = {Code.UNAVAILABLE, Code.CANCELLED, Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED}
LATER = {Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED}
STOP_CODES = {Code.NOT_FOUND, Code.INTERNAL, Code.DATA_LOSS}
ABOUT_CONTENT = {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.UNIMPLEMENTED}
REMEDY_OF_REASON = {
    **dict.fromkeys(("STEP_FENCED", "STEP_REUSED", "STEP_TOO_OLD"), "stop"),
    **dict.fromkeys(("SESSION_UNKNOWN", "SESSION_MOVED", "STALE_OWNER", "FENCED", "STEP_GAP"),
                    "attach"),
    "DRAINING": "move_on",
}


def retry_delay(error):
    """Returns the number of seconds that the server asks to wait; 0 if it does not say."""
    retry = example.error_detail(error, error_details_pb2.RetryInfo)
    return retry.retry_delay.ToTimedelta().total_seconds() if retry else 0.0


def remedy_for(error):
    """Returns the name of the remedy that RemedyFor in client/cpp/step_remedy.h would return."""
    reason, code = example.error_reason(error), error.code()
    if not reason and code in BROKEN:
        return "resend"
    if reason in REMEDY_OF_REASON:
        return REMEDY_OF_REASON[reason]
    if code == Code.RESOURCE_EXHAUSTED:
        return "wait" if retry_delay(error) else "none"
    if reason and code in LATER:
        return "wait"
    return "stop" if reason and code in STOP_CODES else "none"
