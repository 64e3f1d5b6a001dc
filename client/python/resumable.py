# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A session whose steps are each performed exactly once, even if connections and servers fail.

    session = ResumableSession(["localhost:50051"], "sunspots")
    output = session.step(frames)                # [time, features] float32
    session.close()

A model with several inputs takes {name: array}, and one with several outputs returns that:

    outputs = session.step({"frames": frames, "speaker": speaker})

client/cpp/resumable_session.h describes the algorithm and its reasons: steps are numbered, and
their inputs are kept until they are durable. A step without an answer is sent again. A session that
was lost is attached or opened again, and its missing steps are replayed and compared. Used by one
thread at a time.
"""

import collections
import contextlib
import hashlib
import random
import secrets
import time

import example  # Generates the stubs.
import grpc
import numpy as np
from rnnserve.v1 import inference_pb2_grpc, session_pb2
from resumption import Resumption
from step_remedy import ABOUT_CONTENT, remedy_for, retry_delay

MISSES_BEFORE_MOVING = 2
FIRST_BACKOFF_S = 0.02


class SessionEnded(Exception):
    """The session cannot be repaired: another writer took over, or its state is lost or expired."""


class StepUnfinished(Exception):
    """The time has run out and the step may have been performed: finish_step continues it."""


class OutputCheck:
    """The comparison of replayed outputs with the delivered ones.

    `on_difference` is "stop" (a different output ends the session, because it is no longer known
    whose state it is), "report" (the observer receives it and the session continues: for servers
    whose kernels differ) or "off" (no output is remembered). Without a `tolerance` every bit must
    be equal, and a step costs a SHA-256. With one, |a - b| <= tolerance * (1 + |b|) must hold for
    each element, and the outputs themselves are kept as long as the inputs.
    """

    def __init__(self, on_difference="stop", tolerance=None):
        if on_difference not in ("stop", "report", "off"):
            raise ValueError(f"on_difference is {on_difference!r}, not 'stop', 'report' or 'off'")
        if tolerance is not None and not tolerance >= 0:
            raise ValueError(f"tolerance is {tolerance}, below 0")
        self.on_difference, self._tolerance = on_difference, tolerance

    def remember(self, reply):
        """Returns the part of the outputs of a reply that is kept for the comparison."""
        if self.on_difference == "off":
            return None
        outputs = _tensors_of(reply)
        if self._tolerance is not None:
            return {name: example.to_array(tensor) for name, tensor in outputs.items()}
        digest = hashlib.sha256()
        for name, tensor in outputs.items():
            digest.update(repr((name, list(tensor.shape))).encode() + tensor.raw)
        return digest.digest()[:16]

    def differs(self, reply, remembered):
        if remembered is None:
            return False
        outputs, limit = self.remember(reply), self._tolerance
        if limit is None:
            return outputs != remembered
        return outputs.keys() != remembered.keys() or any(
            output.shape != remembered[name].shape
            or not np.allclose(output, remembered[name], rtol=limit, atol=limit, equal_nan=True)
            for name, output in outputs.items())


def _tensors_of(reply):
    """Returns the outputs of a reply by name. A single one has no name."""
    return {output.name: output.tensor for output in reply.outputs} or {"": reply.output}


class ResumableSession:
    """One writer of one session. `targets` are replicas, tried in turn, or one proxy."""

    def __init__(self, targets, model, *, durability=session_pb2.DURABILITY_UNSPECIFIED,
                 retry_s=10.0, attempt_s=2.0, max_log_bytes=64 << 20, observer=None, check=None):
        self.id = secrets.token_hex(16)
        self.version = self.durable_version = 0
        self._targets, self._retry_s, self._attempt_s = list(targets), retry_s, attempt_s
        self._max_log_bytes, self._observer = max_log_bytes, observer or (lambda resumption: None)
        self._request = session_pb2.OpenSessionRequest(
            model=model, session_id=self.id, durability=durability)
        self._log, self._log_begin, self._log_bytes = collections.deque(), 0, 0
        self._check = check or OutputCheck()
        self._beginning, self._next_state = [], []  # The model's initial states; the next step's.
        self._is_in_doubt, self._send_from, self._unknown = False, 0, 0
        self._resumption = self._ended = self._channel = self._digest_of_model = None
        self._current = -1
        self._move_on()
        self._until_done(self._open)

    def step(self, inputs, mask=None):
        """Advances the session. Raises grpc.RpcError if the step was refused and not performed.

        `inputs` and `mask` are those of example.set_inputs: an array [time, features] and [time],
        or {name: array} for a model with several inputs. Returns an array, or {name: array} for a
        model with several outputs.
        """
        self._check_is_between_steps()
        request = session_pb2.StepRequest(
            session_id=self.id, step_index=self.version, initial_state=self._next_state)
        example.set_inputs(request, inputs, mask)
        size = request.ByteSize()  # Before sending changes the request.
        self._log.append([request, None, size])  # [1] is set once the output is known.
        self._log_bytes += size
        while self._log_bytes > self._max_log_bytes and len(self._log) > 1:
            self._drop_first()
        return self.finish_step()

    def finish_step(self):
        """Continues the step that step() left unfinished."""
        return self._until_done(self._advance)

    def reset(self, state=()):
        """Resets the session, from the next step on, to `state` or to the model's initial states.

        `state` is every state of the model, as StateTensor messages. It travels with the next step,
        so that it is applied exactly once with it and is replayed with it; see ResetState in
        client/cpp/resumable_session.h. Without `state`, the model's initial states are read once,
        from a session that is opened and closed for that purpose; a grpc.RpcError of these calls
        leaves this session unchanged.
        """
        self._check_is_between_steps()
        self._next_state = list(state) or self._read_beginning()

    def _check_is_between_steps(self):
        if self._ended is not None:
            raise self._ended
        if self._log_begin + len(self._log) > self.version:
            raise StepUnfinished(f"step {self.version} is unfinished")

    def _read_beginning(self):
        if self._beginning:
            return self._beginning
        other, self._deadline = secrets.token_hex(16), time.monotonic() + self._retry_s
        opened = self._call("OpenSession", session_pb2.OpenSessionRequest(
            model=self._request.model, session_id=other, durability=session_pb2.DURABILITY_NONE))
        try:
            read = self._call("GetState", session_pb2.GetStateRequest(session_id=other))
        finally:
            with contextlib.suppress(grpc.RpcError):
                self._call("CloseSession", session_pb2.CloseSessionRequest(session_id=other))
        if opened.model_digest != self._digest_of_model:
            raise ValueError("MODEL_CHANGED: the model has changed; pass the states")
        self._beginning = list(read.state)
        return self._beginning

    def _until_done(self, call):
        """Calls `call` until it returns a result, and acts on its failures."""
        self._deadline, self._backoff = time.monotonic() + self._retry_s, FIRST_BACKOFF_S
        while self._ended is None:
            try:
                result = call()
                if result is not None:
                    return result
            except grpc.RpcError as error:
                if not self._prepare_again(error):
                    self._give_up(error)
        raise self._ended

    def _open(self):
        self._attach()  # Finds a session that an earlier attempt opened.
        self._resumption = None
        return self._is_attached or None

    def _advance(self):
        if not self._is_attached:
            return self._attach()
        return self._replay() if self._send_from < self.version else self._deliver()

    def close(self):
        """Ends the session. If no server answers, it expires by itself."""
        with contextlib.suppress(grpc.RpcError):
            self._call("CloseSession", session_pb2.CloseSessionRequest(session_id=self.id))
        self._ended = SessionEnded("the session was closed by this client")
        self._channel.close()

    def _attach(self):
        self._resumption = self._resumption or Resumption(self.version, self.durable_version)
        try:
            request = session_pb2.AttachSessionRequest(session_id=self.id)
            return self._resume_at(self._call("AttachSession", request))
        except grpc.RpcError as error:
            if example.error_reason(error) != "SESSION_UNKNOWN":
                self._unknown = 0
                raise
        if self._log_begin == 0:
            place = self._call("OpenSession", self._request)
            self._resumption.is_reopened = True
            return self._resume_at(place)
        # A server that does not answer may still hold the session, so it is lost only when every
        # server says that it has none.
        self._unknown += 1
        return self._regressed(0) if self._unknown >= len(self._targets) else self._move_on()

    def _resume_at(self, place):
        durable_version = getattr(place, "durable_version", 0)  # A new session has none.
        self._resumption.version_found = place.version
        self._resumption.is_regressed |= place.version < self.durable_version
        if place.model_digest != (self._digest_of_model or place.model_digest):
            self._end("MODEL_CHANGED: the model differs on the server that holds the session")
        elif place.version > self.version + self._is_in_doubt:
            self._end(f"another writer made steps up to {place.version}, not {self.version}")
        elif place.version < self._log_begin:
            self._regressed(place.version)
        else:
            is_lost = place.version < self.durable_version
            self.durable_version = max(0 if is_lost else self.durable_version, durable_version)
            self._epoch, self._unknown, self._misses = place.epoch, 0, 0
            self._digest_of_model = place.model_digest
            self._send_from = min(place.version, self.version)
            # Starts with the last step that the server has: its stored reply shows whether this
            # writer sent it.
            if self._log_begin < self._send_from == place.version:
                self._send_from -= 1
            self._is_attached = True

    def _replay(self):
        is_probe = self._resumption and self._send_from < self._resumption.version_found
        try:
            reply = self._send(self._send_from)
        except grpc.RpcError as error:
            if example.error_reason(error) != "STEP_TOO_OLD" or not is_probe:
                raise
            self._send_from += 1
            return
        remembered = self._log[self._send_from - self._log_begin][1]
        if self._check.differs(reply, remembered):
            if self._resumption is not None:
                self._resumption.has_different_outputs = True
            if self._check.on_difference == "stop":
                step = self._send_from
                self._end(f"OUTPUT_DIFFERS: step {step} gave a different output in a replay")
                return
        if not is_probe:
            self._backoff = FIRST_BACKOFF_S  # The replay makes progress.
        self._send_from += 1
        self._resumption.num_replayed += not reply.replayed

    def _deliver(self):
        self._report()
        try:
            reply = self._send(self.version)
        except grpc.RpcError as error:
            is_for_room = error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            self._is_in_doubt |= remedy_for(error) != "none" and not is_for_room
            raise
        self._log[-1][1] = self._check.remember(reply)
        self._next_state = []
        self.version += 1
        self._send_from, self._is_in_doubt = self.version, False
        # Keeps one durable step, by which a server proves that the session is ours.
        while self._log_begin < min(self.durable_version - 1, self.version):
            self._drop_first()
        return example.outputs_of(reply)

    def _send(self, index):
        request = self._log[index - self._log_begin][0]
        request.epoch = self._epoch
        reply = self._call("Step", request)
        self._misses = 0
        self.durable_version = max(self.durable_version, reply.durable_version)
        return reply

    def _prepare_again(self, error):
        remedy = remedy_for(error)
        if remedy == "stop":
            self._end(f"{error.code().name} {example.error_reason(error)}: {error.details()}")
        if remedy in ("stop", "none"):
            return False
        if remedy == "resend":
            self._misses += 1
            if not self._is_attached or self._misses >= MISSES_BEFORE_MOVING:
                remedy = "move_on"
        if remedy == "move_on":
            self._move_on()
        if remedy == "attach":
            self._is_attached = False
        return self._wait_before_retry(error)

    def _give_up(self, error):
        if self._ended is not None:
            return
        is_own = self._is_attached and self._send_from == self.version
        if self._is_in_doubt and not (is_own and error.code() in ABOUT_CONTENT):
            raise StepUnfinished(f"step {self.version} may have been performed") from error
        if self._log_begin + len(self._log) > self.version:
            self._log_bytes -= self._log.pop()[2]
        self._is_in_doubt = False
        raise error

    def _end(self, text):
        self._ended = SessionEnded(text)
        self._report()

    def _regressed(self, found):
        kept = f"durable up to {self.durable_version}, inputs kept from {self._log_begin} on"
        self._end(f"STATE_REGRESSED: found at version {found}, {kept}")

    def _report(self):
        if self._resumption is not None:
            self._observer(self._resumption)
        self._resumption = None

    def _drop_first(self):
        self._log_bytes -= self._log.popleft()[2]
        self._log_begin += 1

    def _move_on(self):
        if self._channel is not None:
            self._channel.close()
        self._current = (self._current + 1) % len(self._targets)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]
        self._channel = grpc.insecure_channel(self._targets[self._current], options)
        self._stub = inference_pb2_grpc.InferenceServiceStub(self._channel)
        self._misses, self._is_attached = 0, False

    def _call(self, method, request):
        timeout = min(self._attempt_s, max(0.001, self._deadline - time.monotonic()))
        metadata = [("x-session-id", request.session_id)]
        return getattr(self._stub, method)(request, timeout=timeout, metadata=metadata)

    def _wait_before_retry(self, error):
        wait = max(self._backoff * random.uniform(0.5, 1), retry_delay(error))
        self._backoff = min(2 * self._backoff, 1.0)
        if time.monotonic() + wait >= self._deadline:
            return False
        time.sleep(wait)
        return True
