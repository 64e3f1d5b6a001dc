# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Single calls for one session on one replica, which do what the library never would."""

import example
import grpc
from oracle import MODEL
from rnnserve.v1 import inference_pb2_grpc, session_pb2

CALL_SECONDS = 10


def connect(address):
    """Returns a stub with a connection of its own."""
    channel = grpc.insecure_channel(address, options=[
        ("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500)])
    return inference_pb2_grpc.InferenceServiceStub(channel)


def code_and_reason(error):
    """Returns the code and reason of an error as one text."""
    return f"{error.code().name} {example.error_reason(error)}".strip()


def open_session(calls, session_id, durability, model=MODEL):
    return calls.OpenSession(session_pb2.OpenSessionRequest(
        model=model, session_id=session_id, durability=durability), timeout=CALL_SECONDS)


def attach(calls, session_id):
    return calls.AttachSession(
        session_pb2.AttachSessionRequest(session_id=session_id), timeout=CALL_SECONDS)


def step_request(session_id, index, frame, epoch=None):
    """Returns the request for one step. `frame` is [1, features]."""
    request = session_pb2.StepRequest(
        session_id=session_id, step_index=index, input=example.to_tensor(frame))
    if epoch is not None:
        request.epoch = epoch
    return request


def step(calls, *arguments, **options):
    return calls.Step(step_request(*arguments, **options), timeout=CALL_SECONDS)
