# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The service that one might write instead of rnnserve: gRPC in Python with ONNX Runtime.

usage: server.py --bundle FOLDER --address-file FILE [--threads N]

It implements the part of rnnserve's protocol that a load generator needs, so that both servers have
the same client: Stream with open, step, reset and close, and DescribeModel. The states are in a
dict. Each step runs the LSTM at batch 1, because ONNX Runtime has no dynamic batching. The model is
the LSTM of a bundle (../model_files.py) with its weights. The server listens on a free port of
127.0.0.1 and ends with SIGTERM.
"""

import argparse
import asyncio
import json
import pathlib
import signal
import sys

import grpc
import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path[:0] = [str(ROOT / "client/python"), str(ROOT / "tests/bench/serve")]
import lstm_onnx  # noqa: E402  (found by the path above)
import stubs  # noqa: E402  (likewise)

stubs.generate()
from rnnserve.v1 import inference_pb2, inference_pb2_grpc  # noqa: E402
from rnnserve.v1 import model_pb2, model_pb2_grpc, tensor_pb2  # noqa: E402


class Sessions:
    """The model, and the states of the open sessions by id."""

    def __init__(self, units, weights, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.units = units
        self._run = onnxruntime.InferenceSession(
            lstm_onnx.to_onnx(units, weights), options, providers=["CPUExecutionProvider"]).run
        self._states = {}

    def open(self, session_id):
        zeros = np.zeros((1, 1, self.units), np.float32)
        self._states[session_id] = (zeros, zeros)

    def close(self, session_id):
        self._states.pop(session_id, None)

    def step(self, session_id, tensor):
        x = np.frombuffer(tensor.raw, np.float32).reshape(-1, 1, self.units)
        h, c = self._states[session_id]
        y, h, c = self._run(None, {"x": x, "h": h, "c": c})
        self._states[session_id] = (h, c)
        return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=[len(x), self.units],
                                 raw=y.tobytes())


class Inference(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, sessions):
        self._sessions = sessions

    async def Stream(self, request_iterator, context):
        async for request in request_iterator:
            response = inference_pb2.StreamResponse()
            for action in request.actions:
                self._answer(action, response.results.add(tag=action.tag))
            yield response

    def _answer(self, action, result):
        kind = action.WhichOneof("kind")
        if kind == "step":
            output = self._sessions.step(action.step.session_id, action.step.input)
            result.step.session_id = action.step.session_id
            result.step.output.CopyFrom(output)
        elif kind in ("open", "reset"):
            ids = [action.open.session_id] if kind == "open" else action.reset.session_ids
            for session_id in ids:
                self._sessions.open(session_id)
            getattr(result, kind).SetInParent()
        else:
            self._sessions.close(action.close.session_id)
            result.close.SetInParent()


class Models(model_pb2_grpc.ModelServiceServicer):
    def __init__(self, units):
        self._units = units

    async def DescribeModel(self, request, context):
        spec = model_pb2.TensorSpec(dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=[self._units])
        return model_pb2.DescribeModelResponse(
            summary=model_pb2.ModelSummary(name=request.model, streamable=True), input=spec,
            output=spec, returns_sequences=True,
            inputs=[model_pb2.NamedTensorSpec(name="x", spec=spec, has_time=True)],
            outputs=[model_pb2.NamedTensorSpec(name="y", spec=spec, has_time=True)])


async def serve(options):
    units, weights = lstm_onnx.read_bundle(options.bundle)
    server = grpc.aio.server()
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(
        Inference(Sessions(units, weights, options.threads)), server)
    model_pb2_grpc.add_ModelServiceServicer_to_server(Models(units), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options.address_file.write_text(json.dumps({"grpc": f"127.0.0.1:{port}"}))
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    await ending.wait()
    await server.stop(grace=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--address-file", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
