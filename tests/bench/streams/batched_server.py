# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The service that one might write instead of rnnserve: gRPC in Python, and ONNX Runtime once for
all frames that are waiting.

usage: batched_server.py --model FILE.onnx --address-file FILE

It implements the part of rnnserve's protocol that a load generator needs, so that both servers have
the same client: Stream with open, step and close, and DescribeModel. The states are in a dict. It
listens on a free port of 127.0.0.1 and ends with SIGTERM.
"""

import argparse
import asyncio
import json
import pathlib
import signal
import sys

import grpc
import numpy as np
from batched_model import FRAME, Streams, to_batched

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "client/python"))
import stubs  # noqa: E402  (found by the path above)

stubs.generate()
from rnnserve.v1 import inference_pb2, inference_pb2_grpc  # noqa: E402
from rnnserve.v1 import model_pb2, model_pb2_grpc, tensor_pb2  # noqa: E402

MOST_ROWS = 64  # Larger batches take longer for each row.


class Batcher:
    """Collects the frames of all streams; computes whatever has come while the last batch ran."""

    def __init__(self, streams):
        self._streams = streams
        self._waiting = []  # (id, frame, future), in the order of their arrival
        self._has_work = asyncio.Event()

    def step(self, stream, frame):
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((stream, frame, answer))
        self._has_work.set()
        return answer

    async def run(self):
        while True:
            await self._has_work.wait()
            batch, rest, ids = [], [], set()
            for work in self._waiting:  # Two frames of a stream cannot be in one batch.
                is_next = len(batch) < MOST_ROWS and work[0] not in ids
                (batch if is_next else rest).append(work)
                ids.add(work[0])
            self._waiting = rest
            if not rest:
                self._has_work.clear()
            streams, frames, answers = zip(*batch)
            for answer, probability in zip(answers, self._streams.step(streams, np.stack(frames))):
                answer.set_result(probability)
            await asyncio.sleep(0)  # Lets the loop send these answers and read more frames.


class Inference(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, streams):
        self._streams = streams
        self.batcher = Batcher(streams)

    async def Stream(self, request_iterator, context):
        responses = asyncio.Queue()
        reading = asyncio.create_task(self._read(request_iterator, responses))
        while (response := await responses.get()) is not None:
            yield response
        await reading

    async def _read(self, request_iterator, responses):
        # The next message is read before this one is answered, so that both may share a batch.
        answers = set()
        async for request in request_iterator:
            answer = asyncio.create_task(self._answer(request, responses))
            answers.add(answer)
            answer.add_done_callback(answers.discard)
        await asyncio.gather(*answers)
        responses.put_nowait(None)

    async def _answer(self, request, responses):
        response = inference_pb2.StreamResponse()
        steps = []
        for action in request.actions:
            result = response.results.add(tag=action.tag)
            kind = action.WhichOneof("kind")
            if kind == "step":
                frame = np.frombuffer(action.step.input.raw, np.float32).reshape(FRAME)
                steps.append((result, action.step.session_id,
                              self.batcher.step(action.step.session_id, frame)))
            elif kind == "open":
                self._streams.open(action.open.session_id)
                result.open.SetInParent()
            else:
                self._streams.close(action.close.session_id)
                result.close.SetInParent()
        for result, session_id, answer in steps:
            result.step.session_id = session_id
            result.step.output.CopyFrom(tensor_pb2.Tensor(
                dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=[1, 1], raw=(await answer).tobytes()))
        responses.put_nowait(response)


class Models(model_pb2_grpc.ModelServiceServicer):
    async def DescribeModel(self, request, context):
        def spec(size):
            return model_pb2.TensorSpec(dtype=tensor_pb2.DATA_TYPE_FLOAT32, shape=[size])

        return model_pb2.DescribeModelResponse(
            summary=model_pb2.ModelSummary(name=request.model, streamable=True),
            input=spec(FRAME), output=spec(1), returns_sequences=True,
            inputs=[model_pb2.NamedTensorSpec(name="input", spec=spec(FRAME), has_time=True)],
            outputs=[model_pb2.NamedTensorSpec(name="speech_probs", spec=spec(1), has_time=True)])


async def serve(options):
    inference = Inference(Streams(to_batched(options.model)))
    server = grpc.aio.server()
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(inference, server)
    model_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    batching = asyncio.create_task(inference.batcher.run())
    options.address_file.write_text(json.dumps({"grpc": f"127.0.0.1:{port}"}))
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    await ending.wait()
    batching.cancel()
    await server.stop(grace=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--address-file", type=pathlib.Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
