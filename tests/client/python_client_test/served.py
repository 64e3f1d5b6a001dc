# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A real server for the tests of a class, with the demo models and two small Keras models."""

import contextlib
import os
import pathlib
import signal
import tempfile
import unittest

import example  # Generates the stubs.
import grpc
from grpc_health.v1 import health_pb2_grpc
from process import Process
from rnnserve.v1 import inference_pb2_grpc, model_pb2_grpc, session_pb2

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ["RNNSERVE_BIN_DIR"]) / "rnnserve"
TIMEOUT_S = 20
START_S = 60
MODELS = {
    "vowels": ROOT / "client/demo/models/japanese_vowels.keras",  # [12] -> [9], after the last
    "sunspots": ROOT / "client/demo/models/sunspots.keras",  # [1] -> [1], every timestep
    "silero_vad": ROOT / "client/demo/models/silero_vad.onnx",  # [512] -> a probability
    "tokens": ROOT / "tests/golden/cases/embedding_lstm_lstm/model.keras",
    # [time, 5] and a state [4] -> [time, 4] and the state
    "decoder": ROOT / "tests/golden/conformance/states_as_inputs_1/model.keras",
    # [time, 5] and token ids [time] -> [5]
    "two_inputs": ROOT / "tests/golden/conformance/multi_input_1/model.keras",
    "two_way": ROOT / "tests/golden/cases/bidirectional_concat/model.keras",  # Cannot stream.
}


class Server:
    """A server process on ports that the kernel chose."""

    def __init__(self, flags=()):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        addresses = folder / "addresses.json"
        models = [f"--model={name}={path}" for name, path in MODELS.items()]
        self._process = Process(
            [PROGRAM, "--grpc-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"]
            + [f"--address-file={addresses}", *models, *flags],
            folder / "log",
        )
        self.address = self._process.await_addresses(addresses, START_S)["grpc"]

    def log(self):
        return self._process.read_log()

    def kill(self):
        self._process.kill()

    def terminate(self):
        self._process.send(signal.SIGTERM)

    def stop(self):
        """Stops the server if it runs. Returns the exit code."""
        return self._process.stop(TIMEOUT_S)


class ServedTest(unittest.TestCase):
    """One server for all tests of a class; stubs with a deadline."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.addClassCleanup(cls.channel.close)
        cls.inference = inference_pb2_grpc.InferenceServiceStub(cls.channel)
        cls.models = model_pb2_grpc.ModelServiceStub(cls.channel)
        cls.health = health_pb2_grpc.HealthStub(cls.channel)

    def open(self, model, **fields):
        request = session_pb2.OpenSessionRequest(model=model, **fields)
        return self.inference.OpenSession(request, timeout=TIMEOUT_S).session_id

    def step(self, session_id, tensor, **fields):
        request = session_pb2.StepRequest(session_id=session_id, input=tensor, **fields)
        return self.inference.Step(request, timeout=TIMEOUT_S)

    @contextlib.contextmanager
    def assert_fails(self, code, reason, text=""):
        with self.assertRaises(grpc.RpcError) as caught:
            yield
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertEqual(example.error_reason(caught.exception), reason)
        self.assertIn(text, caught.exception.details())
