# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""One rnnserve of a cluster: it keeps its address when its process is replaced."""

import json
import pathlib
import signal

import grpc
import programs
import stubs
from metrics_page import MetricsPage
from process import Process

stubs.generate()
# E402: the line above generates these modules.
from rnnserve.v1 import inference_pb2_grpc, session_pb2  # noqa: E402

MODELS = {
    "sunspots": programs.ROOT / "client/demo/models/sunspots.keras",  # [1] -> [1]
    "japanese_vowels": programs.ROOT / "client/demo/models/japanese_vowels.keras",  # [12] -> [9]
}
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
ANSWER_SECONDS = 0.4


class Replica:
    """Starts a server on a free port, and its successors on the same one. Used by one thread at a
    time."""

    def __init__(self, index, folder, options=(), models=None):
        self.index = index
        self._folder = pathlib.Path(folder)
        self._options = list(options)
        self._models = MODELS if models is None else models  # Paths by name.
        self._addresses = {"grpc": "127.0.0.1:0", "metrics": "127.0.0.1:0"}
        self._process = None
        self._channel = None
        self._is_paused = False

    @property
    def address(self):
        return self._addresses["grpc"]

    @property
    def metrics_address(self):
        return self._addresses["metrics"]

    @property
    def pid(self):
        return self._process.pid

    @property
    def log(self):
        return self._process.log

    @property
    def exit_code(self):
        return self._process.exit_code

    def is_running(self):
        return self._process is not None and self._process.is_running()

    def start(self):
        """Starts the server. It serves once `has_started` returns True."""
        self._address_file.unlink(missing_ok=True)
        self._is_paused = False
        models = [f"--model={name}={path}" for name, path in self._models.items()]
        self._process = Process(
            [programs.ours("rnnserve"), *models, *self._options,
             f"--grpc-address={self._addresses['grpc']}",
             f"--metrics-address={self._addresses['metrics']}",
             f"--address-file={self._address_file}"],
            self._folder / f"rnnserve-{self.index}.log")

    def has_started(self):
        """Returns whether it serves. Raises RuntimeError if it has ended instead."""
        if not self.is_running():
            raise RuntimeError(f"replica {self.index} ended; its log is {self.log}")
        if not self._address_file.exists():
            return False
        self._addresses = json.loads(self._address_file.read_text(encoding="utf-8"))
        return True

    def pause(self):
        self._is_paused = self.is_running()
        self._process.send(signal.SIGSTOP)

    def resume(self):
        self._is_paused = False
        self._process.send(signal.SIGCONT)

    def drain(self):
        self._process.send(signal.SIGTERM)

    def kill(self):
        if self._process:
            self._process.kill()

    def stop(self):
        """Stops the server and returns the exit code."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        return self._process.stop() if self._process else 0

    def state(self):
        """Returns "serving", "draining", "starting", "paused" or "down"."""
        if not self.is_running():
            return "down"
        if self._is_paused:
            return "paused"
        if not self._address_file.exists():
            return "starting"
        return "serving" if self._health() == SERVING else "draining"

    def metrics(self):
        """Returns the metrics page of the server. Raises OSError if it does not answer."""
        return MetricsPage.of(self.metrics_address)

    def session_ids(self):
        """Returns the ids of all open sessions of this server, as it lists them."""
        calls, ids, token = inference_pb2_grpc.InferenceServiceStub(self._open_channel()), [], ""
        while True:
            request = session_pb2.ListSessionsRequest(page_size=1000, page_token=token)
            page = calls.ListSessions(request, timeout=10)
            ids += [session.session_id for session in page.sessions]
            token = page.next_page_token
            if not token:
                return ids

    @property
    def _address_file(self):
        return self._folder / f"rnnserve-{self.index}.json"

    def _health(self):
        # The messages of grpc.health.v1 are a few bytes, so no stubs are needed.
        check = self._open_channel().unary_unary("/grpc.health.v1.Health/Check")
        try:
            return check(b"", timeout=ANSWER_SECONDS)
        except grpc.RpcError:
            return b""

    def _open_channel(self):
        if self._channel is None:
            self._channel = grpc.insecure_channel(
                self.address, options=[("grpc.max_reconnect_backoff_ms", 500)])
        return self._channel
