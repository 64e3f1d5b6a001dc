# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the real server as a process, and makes every call of a case with plain generated stubs."""

import pathlib
import queue
import subprocess
import sys

import grpc
import numpy as np
from samples import SAMPLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "client/python"), str(ROOT / "deploy/cluster")]

import stubs  # noqa: E402  (found by the path above)
from process import Process  # noqa: E402  (found by the path above)

# Run the stub compiler in its own process, because it crashes together with TensorFlow's own
# protobuf.
subprocess.run(
    [sys.executable, "-c", "import stubs; stubs.generate()"], cwd=ROOT / "client/python", check=True
)
stubs.generate()
# E402: the line above makes these.
from rnnserve.v1 import inference_pb2 as api  # noqa: E402
from rnnserve.v1 import inference_pb2_grpc, model_pb2, model_pb2_grpc  # noqa: E402
from rnnserve.v1 import session_pb2, tensor_pb2  # noqa: E402

START_SECONDS = 120  # Enough for dozens of models on a busy machine.
STOP_SECONDS = 30
CALL_SECONDS = 60
IMPORT_SECONDS = 60

_FLAGS = {
    "--grpc-address": "127.0.0.1:0",
    "--metrics-address": "127.0.0.1:0",
    "--workers": "1",  # One per model, because there are dozens of models.
    "--max-batch-rows": "32",
    "--max-timesteps": "64",
    "--max-infer-rows": str(SAMPLES),
    "--log-level": "warning",
}
# The plug-in of the example in core/cells/CUSTOM_CELLS.md. It is next to the folder of the
# programs.
CELL_PLUGIN = "plugins/adaptive_leaky_cell.so"
_DTYPES = {
    np.dtype("float32"): tensor_pb2.DATA_TYPE_FLOAT32,
    np.dtype("int32"): tensor_pb2.DATA_TYPE_INT32,
    np.dtype("bool"): tensor_pb2.DATA_TYPE_BOOL,
}
_NUMPY_TYPES = {number: dtype for dtype, number in _DTYPES.items()}


class ImportRefused(Exception):
    """rnnserve-import refused a model; the text is its reason."""


def import_model(programs, model_file, config, bundle):
    """Makes a bundle from a Keras file and its configuration. Raises ImportRefused."""
    command = [str(programs / "rnnserve-import"), str(model_file), str(bundle)]
    command += ["--config", str(config)] if config else []
    command += _plugin_flags(programs)
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or [f"code {result.returncode}, no reason"]
        raise ImportRefused(lines[-1].removeprefix("error: "))


def _plugin_flags(programs):
    return ["--cell-plugin", str(programs.resolve().parent / CELL_PLUGIN)]


class Server:
    """A server of all bundles in a folder, and a channel to it. It ends with its `with` block."""

    def __init__(self, programs, folder, has_plugin=True):
        address_file, log = folder / "addresses.json", folder / "server.log"
        address_file.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        command = [str(programs / "rnnserve"), "--model-dir", str(folder / "models")]
        command += ["--address-file", str(address_file)]
        command += _plugin_flags(programs) if has_plugin else []
        for flag in _FLAGS.items():
            command += flag
        self._process = Process(command, log)
        address = self._process.await_addresses(address_file, START_SECONDS)["grpc"]
        self._channel = grpc.insecure_channel(address)
        self.models = model_pb2_grpc.ModelServiceStub(self._channel)
        self.inference = inference_pb2_grpc.InferenceServiceStub(self._channel)

    def log(self):
        return self._process.read_log().strip()

    def is_alive(self):
        return self._process.is_running()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()
        code = self._process.stop(STOP_SECONDS)
        if code != 0:
            raise RuntimeError(f"the server ended with code {code}: {self.log()}")


def to_tensor(array):
    array = np.ascontiguousarray(array)
    return tensor_pb2.Tensor(dtype=_DTYPES[array.dtype], shape=array.shape, raw=array.tobytes())


def to_array(tensor):
    return np.frombuffer(tensor.raw, _NUMPY_TYPES[tensor.dtype]).reshape(tensor.shape)


def _state_tensors(states, row=None):
    """Returns the states of a call, or of one row of it."""
    return [
        tensor_pb2.StateTensor(
            layer=layer, name=name, value=to_tensor(value if row is None else value[row])
        )
        for (layer, name), value in (states or {}).items()
    ]


def _states_of(reply):
    return {(state.layer, state.name): to_array(state.value) for state in reply.state}


class ModelClient:
    """The calls of one model."""

    def __init__(self, server, model):
        self._inference = server.inference
        self._model = model
        request = model_pb2.DescribeModelRequest(model=model)
        self.about = server.models.DescribeModel(request, timeout=CALL_SECONDS)

    def infer(self, call):
        """Returns (outputs, states) of the whole batch."""
        request = api.InferRequest(
            model=self._model,
            initial_state=_state_tensors(call.initial_states),
            return_state=True,
        )
        self._set_inputs(request, call.inputs, call.masks)
        reply = self._inference.Infer(request, timeout=CALL_SECONDS)
        return self._outputs_of(reply), _states_of(reply)

    def samples(self, call, seed):
        """Returns the outputs of many copies of the only row, with training=True."""
        request = api.InferRequest(model=self._model, training=True, seed=seed)
        self._set_inputs(request, *call.copies(SAMPLES))
        return self._outputs_of(self._inference.Infer(request, timeout=CALL_SECONDS))

    def _set_inputs(self, request, inputs, masks):
        if len(inputs) == 1:
            request.input.CopyFrom(to_tensor(inputs[0]))
            if masks is not None and masks[0] is not None:
                request.mask.CopyFrom(to_tensor(masks[0]))
            return
        for i, (spec, value) in enumerate(zip(self.about.inputs, inputs, strict=True)):
            named = request.inputs.add(name=spec.name, tensor=to_tensor(value))
            if masks is not None and masks[i] is not None:
                named.mask.CopyFrom(to_tensor(masks[i]))

    @staticmethod
    def _outputs_of(reply):
        outputs = [to_array(output.tensor) for output in reply.outputs]
        return outputs or [to_array(reply.output)]

    def _open_request(self, call, row):
        return session_pb2.OpenSessionRequest(
            model=self._model, initial_state=_state_tensors(call.initial_states, row)
        )

    def _step_request(self, session, call, row, begin, end):
        request = session_pb2.StepRequest(
            session_id=session, return_state=end == call.inputs[0].shape[1]
        )
        inputs = [value[row, begin:end] for value in call.inputs]
        masks = call.masks and [mask[row, begin:end] for mask in call.masks]
        self._set_inputs(request, inputs, masks)
        return request

    def steps(self, call, is_reused=False):
        """Makes unary calls, one session per row. Returns {row: [(end, outputs)]} and {row:
        states}.

        is_reused: the sessions have seen other timesteps before, and then got their states.
        """
        outputs, states = {}, {}
        for row in range(call.batch):
            begun = self._reused_session(call, row) if is_reused else self._new_session(call, row)
            session, first_states = begun
            begin, outputs[row] = 0, []
            for length in call.cuts[row]:
                request = self._step_request(session, call, row, begin, begin + length)
                if begin == 0:
                    request.initial_state.extend(first_states)
                begin += length
                reply = self._inference.Step(request, timeout=CALL_SECONDS)
                outputs[row].append((begin, self._outputs_of(reply)))
            states[row] = _states_of(reply)
            if is_reused:
                request = session_pb2.GetStateRequest(session_id=session)
                states[row] = _states_of(self._inference.GetState(request, timeout=CALL_SECONDS))
            request = session_pb2.CloseSessionRequest(session_id=session)
            self._inference.CloseSession(request, timeout=CALL_SECONDS)
        return outputs, states

    def _new_session(self, call, row):
        """Returns the session of a row, and the states that its first Step must pass."""
        request = self._open_request(call, row)
        return self._inference.OpenSession(request, timeout=CALL_SECONDS).session_id, []

    def _reused_session(self, call, row):
        """Returns a used session of a row, and the states that its next Step must pass. The session
        gets the call's states in one of three ways, in turn."""
        request = session_pb2.OpenSessionRequest(model=self._model)
        session = self._inference.OpenSession(request, timeout=CALL_SECONDS).session_id
        time = call.inputs[0].shape[1]
        self._inference.Step(
            self._step_request(session, call, row, 0, time), timeout=CALL_SECONDS
        )
        states = _state_tensors(call.initial_states, row)
        if not states or row % 3 == 0:
            request = session_pb2.ResetStateRequest(session_ids=[session], state=states)
            self._inference.ResetState(request, timeout=CALL_SECONDS)
            return session, []
        if row % 3 == 1:
            request = session_pb2.SetStateRequest(session_id=session, state=states)
            self._inference.SetState(request, timeout=CALL_SECONDS)
            return session, []
        return session, states

    def chunks(self, call):
        """Uses one stream with one session per row, and sends all parts at once. Returns the same
        as `steps`."""
        actions = queue.SimpleQueue()
        results = self._inference.Stream(iter(actions.get, None), timeout=CALL_SECONDS)
        rows = range(call.batch)
        opens = [api.StreamAction(tag=row, open=self._open_request(call, row)) for row in rows]
        actions.put(api.StreamRequest(actions=opens))
        sessions = {}
        while len(sessions) < call.batch:
            for result in next(results).results:
                _raise_error_of(result)
                sessions[result.tag] = result.open.session_id
        steps, ends = [], {}
        for row in rows:
            begin = 0
            for length in call.cuts[row]:
                request = self._step_request(sessions[row], call, row, begin, begin + length)
                begin += length
                ends[len(steps)] = (row, begin)
                steps.append(api.StreamAction(tag=len(steps), step=request))
        actions.put(api.StreamRequest(actions=steps))
        outputs, states = {row: [] for row in rows}, {}
        received = 0
        while received < len(steps):
            for result in next(results).results:
                _raise_error_of(result)
                row, end = ends[result.tag]
                outputs[row].append((end, self._outputs_of(result.step)))
                states[row] = _states_of(result.step)
                received += 1
        actions.put(None)
        for _ in results:
            pass
        return outputs, states

    def step_sessions(self, call):
        """Advances one session per row, many with each message: all rows whose next parts have the
        same length. Returns the same as `steps`."""
        rows = range(call.batch)
        sessions = [self._new_session(call, row)[0] for row in rows]
        outputs, begins = {row: [] for row in rows}, [0] * call.batch
        parts = [list(cuts) for cuts in call.cuts]
        while any(parts):
            length = next(lengths[0] for lengths in parts if lengths)
            group = [row for row in rows if parts[row][:1] == [length]]
            ends = [begins[row] + length for row in group]
            request = session_pb2.StepSessionsRequest(
                model=self._model, session_ids=[sessions[row] for row in group]
            )

            def of_group(values, group=group, ends=ends, length=length):
                ranges = zip(group, ends, strict=True)
                return np.stack([values[row, end - length : end] for row, end in ranges])

            masks = call.masks and [None if m is None else of_group(m) for m in call.masks]
            self._set_inputs(request, [of_group(value) for value in call.inputs], masks)
            reply = self._inference.StepSessions(request, timeout=CALL_SECONDS)
            if reply.errors:
                error = reply.errors[0].error
                raise AssertionError(f"a session failed: {error.code}: {error.message}")
            values = self._outputs_of(reply)
            for i, row in enumerate(group):
                outputs[row].append((ends[i], [value[i] for value in values]))
                begins[row] = ends[i]
                parts[row].pop(0)
        states = {}
        for row in rows:
            request = session_pb2.GetStateRequest(session_id=sessions[row])
            states[row] = _states_of(self._inference.GetState(request, timeout=CALL_SECONDS))
            request = session_pb2.CloseSessionRequest(session_id=sessions[row])
            self._inference.CloseSession(request, timeout=CALL_SECONDS)
        return outputs, states

    def expect_no_sessions(self):
        """Raises unless a session is refused for the reason in the model's description."""
        reason = self.about.non_streamable_reason
        request = session_pb2.OpenSessionRequest(model=self._model)
        try:
            self._inference.OpenSession(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION and reason in error.details():
                return
            raise
        raise AssertionError("a model that needs the whole sequence opened a session")


def _raise_error_of(result):
    if result.HasField("error"):
        raise AssertionError(f"an action failed: {result.error.code}: {result.error.message}")
