# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The right outputs of a session: those of a session without any faults.

A session's outputs depend only on its inputs, bit by bit. So the outputs of a session on a separate
server, without a store and without faults, show for every other session whether a step was lost,
performed twice, out of order or on another session's state.
"""

import contextlib
import sys
import threading

import example
import grpc
import numpy as np
import programs
from replica import Replica
from rnnserve.v1 import inference_pb2_grpc, session_pb2

sys.path.append(str(programs.ROOT / "tests/bench/serve"))
import model_files  # noqa: E402, found by the line above

MODEL = "oracle"
UNITS = 16
# Sessions of different tunes have different inputs, so that a step of another session is noticed
# too.
NUM_TUNES = 8
TIMESTEPS_AT_ONCE = 1024
CALL_SECONDS = 30
DAY_MS = 24 * 60 * 60 * 1000


def frames(tune, begin, end):
    """Returns the inputs [end - begin, UNITS] of a tune. Each is a small multiple of 1/256 and so
    exact: every process computes the same bits."""
    steps = np.arange(begin, end, dtype=np.int64)[:, None]
    features = np.arange(UNITS, dtype=np.int64)[None, :]
    mixed = (steps * 1103515245 + tune * 7919 * 65537 + 12345) & 0x7FFFFFFF
    return (((mixed * (40503 * features * features + 1) >> 13) % 513 - 256) / 256).astype("<f4")


def model(folder):
    """Writes the oracle's model into `folder` and returns {name: path} of it."""
    return {MODEL: model_files.write_lstm(folder, UNITS)}


class OracleFailed(Exception):
    """The undisturbed server failed, so nothing can be judged. Differs from an RpcError, which
    comes from the servers under test."""


@contextlib.contextmanager
def as_oracle_failed():
    """Turns the errors of the undisturbed server into OracleFailed."""
    try:
        yield
    except grpc.RpcError as error:
        raise OracleFailed(f"{error.code().name} {error.details()}") from error


class Oracle:
    """Owns the undisturbed server. Start and stop it in the main thread. Any thread may call
    `expected` and `replay`, which raise OracleFailed."""

    def __init__(self, folder, models):
        folder.mkdir()
        # The sessions of this replica must not expire: one is used only when a chain of outputs has
        # to grow, which may be hours later.
        self._replica = Replica("oracle", folder, [f"--session-idle-timeout-ms={DAY_MS}"], models)
        self._lock = threading.Lock()
        self._chains = {}  # By tune: the bytes of its outputs so far.
        self._num_replays = 0

    def start(self):
        self._replica.start()

    def stop(self):
        self._replica.kill()

    def has_started(self):
        if not self._replica.has_started():
            return False
        self._calls = inference_pb2_grpc.InferenceServiceStub(
            grpc.insecure_channel(self._replica.address))
        return True

    def expected(self, tune, index):
        """Returns the bytes of the output of step `index`."""
        with self._lock, as_oracle_failed():
            chain = self._chains.setdefault(tune, [])
            if not chain:
                self._open(f"tune-{tune}")
            while len(chain) <= index:
                more = frames(tune, len(chain), len(chain) + TIMESTEPS_AT_ONCE)
                chain += self._step(f"tune-{tune}", more)
            return chain[index]

    def replay(self, inputs):
        """Returns the bytes of the outputs of a session with these inputs [time, UNITS]."""
        with self._lock, as_oracle_failed():
            self._num_replays += 1
            session_id = f"replay-{self._num_replays}"
            self._open(session_id)
            outputs = []
            for begin in range(0, len(inputs), TIMESTEPS_AT_ONCE):
                outputs += self._step(session_id, inputs[begin:begin + TIMESTEPS_AT_ONCE])
            self._calls.CloseSession(
                session_pb2.CloseSessionRequest(session_id=session_id), timeout=CALL_SECONDS)
            return outputs

    def _open(self, session_id):
        self._calls.OpenSession(
            session_pb2.OpenSessionRequest(model=MODEL, session_id=session_id),
            timeout=CALL_SECONDS)

    def _step(self, session_id, inputs):
        reply = self._calls.Step(
            session_pb2.StepRequest(session_id=session_id, input=example.to_tensor(inputs)),
            timeout=CALL_SECONDS)
        size = len(reply.output.raw) // len(inputs)
        return [reply.output.raw[i * size:(i + 1) * size] for i in range(len(inputs))]
