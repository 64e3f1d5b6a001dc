# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes every call of a real server from Python with generated stubs, and checks error reasons.

`run` in this folder prepares the environment. The server serves the demo models and two small
models that Keras saved. Other tests check the computed values; this one compares them only with
each other.
"""

import pathlib
import subprocess
import sys
import unittest

import example  # Generates the stubs.
import grpc
import numpy as np
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from rnnserve.v1 import inference_pb2 as api
from rnnserve.v1 import model_pb2, session_pb2, tensor_pb2
from served import MODELS, TIMEOUT_S, ServedTest

SERVICE = "rnnserve.v1.InferenceService"
FRAMES = np.sin(np.arange(5 * 12, dtype=np.float32)).reshape(5, 12)


def tokens(*ids):
    array = np.array(ids, "<i4")
    return tensor_pb2.Tensor(
        dtype=tensor_pb2.DATA_TYPE_INT32, shape=array.shape, raw=array.tobytes()
    )


class ModelsTest(ServedTest):
    def test_lists_models_by_name(self):
        models = self.models.ListModels(model_pb2.ListModelsRequest(), timeout=TIMEOUT_S).models
        self.assertEqual([model.name for model in models], sorted(MODELS))
        self.assertEqual(
            [model.name for model in models if not model.streamable], ["two_way"]
        )

    def test_describes_a_model(self):
        about = self.models.DescribeModel(
            model_pb2.DescribeModelRequest(model="vowels"), timeout=TIMEOUT_S
        )
        self.assertEqual(list(about.input.shape), [12])
        self.assertEqual(list(about.output.shape), [9])
        self.assertFalse(about.returns_sequences)
        self.assertEqual([(s.layer, s.name) for s in about.states], [("lstm", "h"), ("lstm", "c")])
        self.assertIn("Masking", [layer.class_name for layer in about.layers])

    def test_does_not_know_other_models(self):
        with self.assert_fails(grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
            self.models.DescribeModel(
                model_pb2.DescribeModelRequest(model="nothing"), timeout=TIMEOUT_S
            )


class InferTest(ServedTest):
    def test_rows_do_not_depend_on_their_batch(self):
        both = example.infer(self.channel, "vowels", np.stack([FRAMES, -FRAMES]))
        alone = example.infer(self.channel, "vowels", -FRAMES[None])
        self.assertEqual(both.shape, (2, 9))
        np.testing.assert_array_equal(both[1], alone[0])
        np.testing.assert_allclose(both.sum(axis=1), 1, rtol=1e-5)

    def test_typed_values_give_the_same_output_as_raw(self):
        typed = tensor_pb2.Tensor(shape=[1, 5, 12], float_values=FRAMES.ravel())
        reply = self.inference.Infer(
            api.InferRequest(model="vowels", input=typed), timeout=TIMEOUT_S
        )
        values = reply.output.float_values or example.to_array(reply.output).ravel()
        raw = example.infer(self.channel, "vowels", FRAMES[None])
        np.testing.assert_array_equal(np.array(values, np.float32), raw[0])

    def test_masked_timesteps_have_no_effect(self):
        mask = np.array([[True, True, False]])
        series = np.array([[[50.0], [60.0], [70.0]]], np.float32)
        request = api.InferRequest(
            model="sunspots",
            input=example.to_tensor(series),
            mask=tensor_pb2.Tensor(
                dtype=tensor_pb2.DATA_TYPE_BOOL, shape=mask.shape, raw=mask.tobytes()
            ),
            return_state=True,
        )
        masked = self.inference.Infer(request, timeout=TIMEOUT_S)
        request = api.InferRequest(
            model="sunspots", input=example.to_tensor(series[:, :2]), return_state=True
        )
        short = self.inference.Infer(request, timeout=TIMEOUT_S)
        self.assertEqual(
            [state.value.raw for state in masked.state], [state.value.raw for state in short.state]
        )

    def test_infers_by_name_with_the_mask_of_an_input(self):
        inputs = {"frames": FRAMES[:, :5][None], "words": np.array([[0, 1, 2, 1, 0]])}
        mask = {"frames": [[True] * 3 + [False] * 2]}
        masked = example.infer(self.channel, "two_inputs", inputs, mask)
        short = inputs | {"frames": inputs["frames"][:, :3]}
        self.assertEqual(masked.shape, (1, 5))
        np.testing.assert_array_equal(masked, example.infer(self.channel, "two_inputs", short))

    def test_infers_several_outputs_by_name(self):
        inputs = {"frames": FRAMES[:, :5][None], "state_0": np.array([[1.0, -1.0, 0.5, 0.0]])}
        sequence, last = example.infer(self.channel, "decoder", inputs).values()
        self.assertEqual(sequence.shape, (1, 5, 4))
        np.testing.assert_array_equal(sequence[:, -1], last)

    def test_refuses_wrong_input_with_a_reason(self):
        cases = [
            (np.zeros((1, 2, 11), np.float32), "INPUT_SHAPE"),
            (np.zeros((12,), np.float32), "INPUT_RANK"),
            (np.full((1, 2, 12), np.nan, np.float32), "NOT_FINITE"),
        ]
        for array, reason in cases:
            with self.subTest(reason):
                with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, reason):
                    example.infer(self.channel, "vowels", array)

    def test_refuses_unsupported_fields(self):
        request = api.InferRequest(
            model="vowels", input=example.to_tensor(FRAMES[None]), session_ids=["a"]
        )
        with self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, "FIELD_UNSUPPORTED", "session_ids"):
            self.inference.Infer(request, timeout=TIMEOUT_S)


class SessionsTest(ServedTest):
    def test_steps_give_the_output_of_the_whole_sequence(self):
        session_id = self.open("vowels")
        for frame in FRAMES:
            reply = self.step(session_id, example.to_tensor(frame[None]))
        self.assertEqual(reply.version, len(FRAMES))
        whole = example.infer(self.channel, "vowels", FRAMES[None])[0]
        np.testing.assert_array_equal(example.to_array(reply.output), whole)

    def test_steps_of_token_ids(self):
        session_id = self.open("tokens")
        self.step(session_id, tokens(1, 2))
        reply = self.step(session_id, tokens(3), return_state=True)
        self.assertEqual(reply.version, 2)
        self.assertTrue(reply.state)

    def test_states_are_read_written_and_reset(self):
        session_id = self.open("vowels")
        frame = example.to_tensor(FRAMES[:1])
        first = example.to_array(self.step(session_id, frame).output)
        state = self.inference.GetState(
            session_pb2.GetStateRequest(session_id=session_id), timeout=TIMEOUT_S
        ).state
        second = example.to_array(self.step(session_id, frame).output)

        self.inference.SetState(
            session_pb2.SetStateRequest(session_id=session_id, state=state), timeout=TIMEOUT_S
        )
        again = example.to_array(self.step(session_id, frame).output)
        reset = self.inference.ResetState(
            session_pb2.ResetStateRequest(session_ids=[session_id]), timeout=TIMEOUT_S
        )
        over = example.to_array(self.step(session_id, frame).output)

        self.assertEqual(reset.num_sessions, 1)
        np.testing.assert_array_equal(again, second)
        np.testing.assert_array_equal(over, first)
        self.assertTrue((first != second).any())

    def test_all_sessions_of_a_model_are_reset_at_once(self):
        ids = [self.open("sunspots") for _ in range(3)]
        value = example.to_tensor(np.array([[50.0]]))
        first = [self.step(session_id, value).output.raw for session_id in ids]
        reset = self.inference.ResetState(
            session_pb2.ResetStateRequest(model="sunspots"), timeout=TIMEOUT_S
        )
        self.assertEqual(reset.num_sessions, 3)
        self.assertEqual([self.step(session_id, value).output.raw for session_id in ids], first)

    def test_lists_sessions_page_by_page(self):
        ids = sorted(self.open("tokens", session_id=f"page-{i}") for i in range(5))
        seen, token = [], ""
        while True:
            page = self.inference.ListSessions(
                session_pb2.ListSessionsRequest(model="tokens", page_size=2, page_token=token),
                timeout=TIMEOUT_S,
            )
            self.assertLessEqual(len(page.sessions), 2)
            seen += [s.session_id for s in page.sessions]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual([i for i in seen if i.startswith("page-")], ids)

    def test_a_closed_session_is_gone(self):
        session_id = self.open("vowels")
        closed = self.inference.CloseSession(
            session_pb2.CloseSessionRequest(session_id=session_id), timeout=TIMEOUT_S
        )
        self.assertEqual(closed.version, 0)
        with self.assert_fails(grpc.StatusCode.NOT_FOUND, "SESSION_CLOSED"):
            self.step(session_id, example.to_tensor(FRAMES[:1]))

    def test_refusals_have_their_reasons(self):
        session_id = self.open("vowels", session_id="refused")
        frame = example.to_tensor(FRAMES[:1])
        with self.assert_fails(grpc.StatusCode.ALREADY_EXISTS, "SESSION_EXISTS"):
            self.open("vowels", session_id="refused")
        with self.assert_fails(grpc.StatusCode.FAILED_PRECONDITION, "NOT_STREAMABLE"):
            self.open("two_way")
        with self.assert_fails(grpc.StatusCode.NOT_FOUND, "SESSION_UNKNOWN"):
            self.step("never-opened", frame)
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "SESSION_ID"):
            self.open("vowels", session_id="no blanks")
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "INPUT_SHAPE", "11"):
            self.step(session_id, example.to_tensor(FRAMES[:1, :11]))
        with self.assert_fails(grpc.StatusCode.ABORTED, "STEP_GAP", "0 is the next"):
            self.step(session_id, frame, step_index=1)
        self.assertEqual(self.step(session_id, frame).version, 1)


class StreamTest(ServedTest):
    def test_a_session_begins_anew_after_a_reset(self):
        before, after = example.stream(self.channel, "vowels", FRAMES)
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a, b)
        self.assertTrue((before[0] != before[-1]).any())

    def test_a_session_ends_with_its_stream(self):
        calls = example.Stream(self.channel)
        session_id = calls.do(open=session_pb2.OpenSessionRequest(model="vowels")).session_id
        calls.close()
        with self.assert_fails(grpc.StatusCode.NOT_FOUND, "SESSION_STREAM_ENDED"):
            self.step(session_id, example.to_tensor(FRAMES[:1]))

    def test_a_stream_delivers_notices_about_its_sessions(self):
        calls = example.Stream(self.channel)
        for session_id in ("told-a", "told-b"):
            calls.do(open=session_pb2.OpenSessionRequest(model="vowels", session_id=session_id))
        self.inference.EvictSession(
            session_pb2.EvictSessionRequest(session_id="told-a"), timeout=TIMEOUT_S
        )
        calls.do(close=session_pb2.CloseSessionRequest(session_id="told-b"))
        calls.close()
        told = [(notice.session_id, notice.ended.reason) for notice in calls.notices]
        self.assertEqual(told, [("told-a", "SESSION_EVICTED")])

    def test_a_failed_action_is_answered_and_the_stream_continues(self):
        step = session_pb2.StepRequest(session_id="unknown", input=example.to_tensor(FRAMES[:1]))
        open_session = session_pb2.OpenSessionRequest(model="vowels", session_id="on-stream")
        actions = [api.StreamAction(tag=7, step=step), api.StreamAction(tag=8, open=open_session)]
        replies = self.inference.Stream(
            iter([api.StreamRequest(actions=actions)]), timeout=TIMEOUT_S
        )
        results = {result.tag: result for reply in replies for result in reply.results}

        self.assertEqual(results[7].error.code, grpc.StatusCode.NOT_FOUND.value[0])
        info = error_details_pb2.ErrorInfo()
        self.assertTrue(results[7].error.details[0].Unpack(info))
        self.assertEqual((info.reason, info.domain), ("SESSION_UNKNOWN", "rnnserve"))
        self.assertEqual(results[8].open.session_id, "on-stream")

    def test_a_message_without_actions_ends_the_stream(self):
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "STREAM_ACTIONS"):
            list(self.inference.Stream(iter([api.StreamRequest()]), timeout=TIMEOUT_S))


class SurroundingsTest(ServedTest):
    def test_reflection_knows_every_service(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        services = set(database.get_services())
        self.assertLessEqual(
            {SERVICE, "rnnserve.v1.ModelService", "grpc.health.v1.Health"}, services
        )
        pool = descriptor_pool.DescriptorPool(database)
        methods = pool.FindServiceByName(SERVICE).methods_by_name
        self.assertEqual(
            set(methods), set(api.DESCRIPTOR.services_by_name["InferenceService"].methods_by_name)
        )

    def test_health_of_the_server_and_of_the_service(self):
        for service in ("", SERVICE):
            with self.subTest(service):
                reply = self.health.Check(
                    health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S
                )
                self.assertEqual(reply.status, health_pb2.HealthCheckResponse.SERVING)

    def test_health_of_another_service_is_unknown(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.health.Check(health_pb2.HealthCheckRequest(service="x"), timeout=TIMEOUT_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)


class StopTest(ServedTest):
    def test_watch_sees_the_server_drain_and_it_exits_with_zero(self):
        watch = self.health.Watch(
            health_pb2.HealthCheckRequest(service=SERVICE), timeout=TIMEOUT_S
        )
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
        self.server.terminate()
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
        watch.cancel()
        self.assertEqual(self.server.stop(), 0, self.server.log())


class ExampleTest(ServedTest):
    def test_runs_to_its_end(self):
        path = pathlib.Path(example.__file__)
        done = subprocess.run(
            [sys.executable, path, self.server.address],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("model vowels:", done.stdout)
        self.assertIn("an unknown model: NOT_FOUND, reason MODEL_NOT_FOUND", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
