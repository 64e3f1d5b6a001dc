# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls an rnnserve server with plain generated stubs: list, infer, a session on a stream, reset.

usage: example.py [SERVER]      (default localhost:50051; `./dev serve` starts one)
"""

import queue
import sys
from collections.abc import Mapping

import grpc
import numpy as np
import stubs

stubs.generate()
# E402: the line above generates these modules.
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from rnnserve.v1 import inference_pb2 as api  # noqa: E402
from rnnserve.v1 import inference_pb2_grpc as api_grpc  # noqa: E402
from rnnserve.v1 import model_pb2, model_pb2_grpc, session_pb2, tensor_pb2  # noqa: E402


def to_tensor(array):
    """Returns an array in the wire format: little-endian, row-major.

    An array of integers (token ids) or booleans (a mask) stays one; all else becomes float32.
    """
    dtype, name = "<f4", "FLOAT32"
    if isinstance(array, np.ndarray) and array.dtype.kind in "iu":
        dtype, name = ("<i8", "INT64") if array.dtype.itemsize == 8 else ("<i4", "INT32")
    elif isinstance(array, np.ndarray) and array.dtype.kind == "b":
        dtype, name = "?", "BOOL"
    array = np.ascontiguousarray(array, dtype)
    return tensor_pb2.Tensor(
        dtype=tensor_pb2.DataType.Value(f"DATA_TYPE_{name}"), shape=array.shape, raw=array.tobytes()
    )


def to_array(tensor):
    return np.frombuffer(tensor.raw, "<f4").reshape(tensor.shape)


def set_inputs(request, inputs, mask=None):
    """Fills the inputs of a request for a step or an inference.

    `inputs` is an array, or {name: array} for a model with several inputs; `mask` is then {name:
    array} too. A mask is true where a timestep counts.
    """
    if isinstance(inputs, Mapping):
        masks = {} if mask is None else mask
        if not isinstance(masks, Mapping) or not masks.keys() <= inputs.keys():
            raise ValueError(f"mask is not {{name: array}} with names of {', '.join(inputs)}")
        for name, array in inputs.items():
            named = request.inputs.add(name=name, tensor=to_tensor(array))
            if name in masks:
                named.mask.CopyFrom(to_tensor(np.asarray(masks[name], bool)))
        return
    request.input.CopyFrom(to_tensor(inputs))
    if mask is not None:
        request.mask.CopyFrom(to_tensor(np.asarray(mask, bool)))


def outputs_of(reply):
    """Returns the output of a reply as an array; if there are several, as {name: array}."""
    if not reply.outputs:
        return to_array(reply.output)
    return {output.name: to_array(output.tensor) for output in reply.outputs}


def error_detail(error, kind):
    """Returns the detail of message type `kind` in a grpc.RpcError, or None."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                message = kind()
                if detail.Unpack(message):
                    return message
    return None


def error_reason(error):
    """Returns the machine-readable reason of a grpc.RpcError, for example "MODEL_NOT_FOUND"."""
    info = error_detail(error, error_details_pb2.ErrorInfo)
    return info.reason if info else ""


def list_models(channel):
    """Prints every model; returns the first with sessions and one input, as (name, features)."""
    models = model_pb2_grpc.ModelServiceStub(channel)
    first = None
    for model in models.ListModels(model_pb2.ListModelsRequest(), timeout=10).models:
        print(f"model {model.name}: {model.num_parameters} parameters")
        about = models.DescribeModel(model_pb2.DescribeModelRequest(model=model.name), timeout=10)
        is_plain = len(about.inputs) == 1 and len(about.outputs) == 1
        is_float = about.input.dtype == tensor_pb2.DATA_TYPE_FLOAT32
        if model.streamable and is_plain and is_float and not first:
            first = (model.name, about.input.shape[0])
    return first


def infer(channel, model, inputs, mask=None):
    """Computes a whole batch [batch, time, features] without a session.

    A model with several inputs takes {name: array}, one with several outputs returns that.
    """
    request = api.InferRequest(model=model)
    set_inputs(request, inputs, mask)
    return outputs_of(api_grpc.InferenceServiceStub(channel).Infer(request, timeout=10))


class Stream:
    """One gRPC stream: sends an action and waits for its result; collects notices in `notices`."""

    def __init__(self, channel):
        self._actions = queue.SimpleQueue()
        requests = iter(self._actions.get, None)  # None half-closes.
        self._results = api_grpc.InferenceServiceStub(channel).Stream(requests)
        self._tag = 0
        self.notices = []  # The StreamNotices that the server has sent.

    def do(self, **kind):
        self._tag += 1
        action = api.StreamAction(tag=self._tag, **kind)
        self._actions.put(api.StreamRequest(actions=[action]))
        result = self._next_result()
        if result.HasField("error"):
            raise RuntimeError(f"{result.error.code}: {result.error.message}")
        return getattr(result, result.WhichOneof("kind"))

    def _next_result(self):
        # A message may contain only notices.
        for response in self._results:
            self.notices += response.notices
            for result in response.results:
                return result
        raise RuntimeError("the stream ended without an answer")

    def close(self):
        self._actions.put(None)
        for response in self._results:
            self.notices += response.notices


def stream(channel, model, frames):
    """Steps a session through [time, features], frame by frame, resets it and repeats."""
    calls = Stream(channel)
    session_id = calls.do(open=session_pb2.OpenSessionRequest(model=model)).session_id

    def step(frame):
        request = session_pb2.StepRequest(session_id=session_id, input=to_tensor(frame[None]))
        return to_array(calls.do(step=request).output)

    before = [step(frame) for frame in frames]
    calls.do(reset=session_pb2.ResetStateRequest(session_ids=[session_id]))
    after = [step(frame) for frame in frames]
    calls.close()  # This ends the session too.
    return before, after


def main():
    server = sys.argv[1] if len(sys.argv) > 1 else "localhost:50051"
    with grpc.insecure_channel(server) as channel:
        model, features = list_models(channel) or sys.exit("no float model with one input supports sessions")
        frames = np.random.default_rng(0).normal(size=(5, features)).astype(np.float32)
        whole = infer(channel, model, frames[None])[0]
        before, after = stream(channel, model, frames)
        print(f"{model}: the last output of the whole sequence  {np.atleast_2d(whole)[-1]}")
        print(f"{model}: ... of a session, frame by frame      {np.atleast_2d(before[-1])[-1]}")
        print(f"{model}: ... of the session after a reset      {np.atleast_2d(after[-1])[-1]}")
        try:
            infer(channel, "nothing", frames[None])
        except grpc.RpcError as error:
            print(f"an unknown model: {error.code().name}, reason {error_reason(error)}")


if __name__ == "__main__":
    main()
