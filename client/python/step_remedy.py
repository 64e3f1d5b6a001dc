# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What helps after a call that failed, for a caller that may send it again."""

import example  # Generates the stubs.
import grpc
from google.rpc import error_details_pb2, status_pb2

Code = grpc.StatusCode
# What gRPC says when a connection breaks, a proxy gives up or an answer does not come. With a
# reason the server itself has said it.
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
    """How many seconds the server asks to wait; 0 if it does not say."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                retry = error_details_pb2.RetryInfo()
                if detail.Unpack(retry):
                    return retry.retry_delay.ToTimedelta().total_seconds()
    return 0.0


def remedy_for(error):
    """As RemedyFor in client/cpp/step_remedy.h: none, wait, resend, attach, move_on or stop."""
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
