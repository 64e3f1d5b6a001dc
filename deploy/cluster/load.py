# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sessions that step through the proxy at a steady rate and count what happens to them.

A session sends each step with its index, so that a step may be sent again, and with the metadata
key x-session-id, so that the proxy finds its replica. When a call fails, it sends the same step
once more. When its session is unknown, it attaches, which finds the session in the store if there
is one, and continues from the version in the answer. Without a store it counts the session as lost
and opens another one with another id, because a replica that only seemed dead may still have the
old one.
"""

import asyncio
import collections

import example
import grpc
from rnnserve.v1 import inference_pb2_grpc, session_pb2

MODEL = "sunspots"
STEP_SECONDS = 2.0  # A call that takes longer is abandoned and repeated.
# The server's reasons when another writer or another replica has advanced the session.
NOT_AS_WE_KNOW_IT = ("STEP_FENCED", "STEP_GAP", "STEP_REUSED", "STEP_TOO_OLD")
PAUSE_SECONDS = 0.1  # Between an error and the next attempt.


class Tally:
    """The counts of the sessions of a load. Used by one thread at a time: the event loop's."""

    def __init__(self):
        self.steps = 0
        self.errors = collections.Counter()  # By code, or by code and reason.
        self.resumed = 0  # Sessions that continued on another replica.
        self.lost = 0  # Sessions that had to start over.
        self.wrong = 0  # Replies with a wrong version; must stay 0.


class Load:
    """Steps `num_sessions` sessions, each `rate` times per second, until it is stopped."""

    def __init__(self, address, num_sessions, rate):
        self.tally = Tally()
        self._pause = 1 / rate
        # The sessions share a few connections, as in a web service.
        self._channels = [grpc.aio.insecure_channel(address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500),
        ]) for _ in range(4)]
        self._tasks = [asyncio.ensure_future(self._keep_stepping(index, num_sessions))
                       for index in range(num_sessions)]

    def raise_if_broken(self):
        """Raises the error of a task that ended: only a bug in this program ends one."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    async def _keep_stepping(self, index, num_sessions):
        channel = self._channels[index % len(self._channels)]
        session = LoadSession(f"live-{index}", channel, self.tally)
        await asyncio.sleep(self._pause * index / num_sessions)  # Not all at once.
        while True:
            if await session.step():
                await asyncio.sleep(self._pause)
            else:
                await asyncio.sleep(PAUSE_SECONDS)


class LoadSession:
    """One session and its next step. Used by one thread at a time: the event loop's."""

    def __init__(self, name, channel, tally):
        self._name = name
        self._life = 0
        self._calls = inference_pb2_grpc.InferenceServiceStub(channel)
        self._tally = tally
        self._index = None  # The next step's; None: the session is not open.
        self._epoch = 0

    @property
    def _id(self):
        return f"{self._name}.{self._life}"

    async def step(self):
        """Performs the next call. Returns whether it succeeded; counts errors."""
        try:
            if self._index is None:
                await self._find_or_open()
            await self._step()
            return True
        except grpc.aio.AioRpcError as error:
            reason = example.error_reason(error)
            self._tally.errors[f"{error.code().name} {reason}".strip()] += 1
            if error.code() == grpc.StatusCode.NOT_FOUND or reason in NOT_AS_WE_KNOW_IT:
                self._index = None
            return False

    async def _step(self):
        # The input depends only on the index, so that a step has the same input again after a
        # rollback.
        value = example.to_tensor([[float(self._index % 100)]])
        reply = await self._call(self._calls.Step, session_pb2.StepRequest(
            session_id=self._id, input=value, step_index=self._index, epoch=self._epoch))
        if reply.version != self._index + 1:
            self._tally.wrong += 1
        self._index += 1
        self._tally.steps += 1

    async def _find_or_open(self):
        if self._life > 0:
            try:
                found = await self._call(self._calls.AttachSession,
                                         session_pb2.AttachSessionRequest(session_id=self._id))
                self._index, self._epoch = found.version, found.epoch
                self._tally.resumed += 1
                return
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
        await self._open()

    async def _open(self):
        self._tally.lost += self._life > 0
        self._life += 1
        opened = await self._call(self._calls.OpenSession, session_pb2.OpenSessionRequest(
            model=MODEL, session_id=self._id))
        self._index, self._epoch = 0, opened.epoch

    def _call(self, method, request):
        return method(request, metadata=[("x-session-id", self._id)], timeout=STEP_SECONDS)
