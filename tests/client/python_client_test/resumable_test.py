# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that a session of client/python/resumable.py survives lost answers and lost servers.

`run` in this folder prepares the environment. The tests make the faults: they throw answers away
and stop servers.
"""

import itertools
import tempfile
import unittest

import example  # Generates the stubs.
import grpc
import numpy as np
import resumable
from rnnserve.v1 import session_pb2
from served import TIMEOUT_S, Server, ServedTest
from store import Store


class LostAnswer(grpc.RpcError):
    """Looks like gRPC's error for a broken connection."""

    def code(self):
        return grpc.StatusCode.UNAVAILABLE

    def details(self):
        return "the answer is lost"

    def trailing_metadata(self):
        return ()


class ResumableTest(ServedTest):
    def open_resumable(self, targets=None, **options):
        self.told = []
        session = resumable.ResumableSession(
            targets or [self.server.address], "sunspots", observer=self.told.append, **options
        )
        self.addCleanup(session.close)
        return session

    def frames(self):
        return np.sin(np.arange(6, dtype=np.float32)).reshape(6, 1, 1)

    def chain(self):
        """Returns the outputs of an undisturbed session."""
        session = self.open_resumable()
        return [session.step(frame) for frame in self.frames()]

    def lose_answers(self, session, count):
        """Loses the answers of the session's next calls, which the server performs."""
        call, left = session._call, [count]

        def lossy(method, request):
            reply = call(method, request)
            if left[0] > 0:
                left[0] -= 1
                raise LostAnswer()
            return reply

        session._call = lossy

    def test_a_step_whose_answer_is_lost_is_performed_once(self):
        expected, session = self.chain(), self.open_resumable()
        for i, frame in enumerate(self.frames()):
            self.lose_answers(session, i % 2)
            np.testing.assert_array_equal(session.step(frame), expected[i])
        self.assertEqual((session.version, self.told), (6, []))

    def test_attaches_when_answers_do_not_come(self):
        expected, session = self.chain(), self.open_resumable()
        np.testing.assert_array_equal(session.step(self.frames()[0]), expected[0])
        self.lose_answers(session, 2)
        np.testing.assert_array_equal(session.step(self.frames()[1]), expected[1])
        np.testing.assert_array_equal(session.step(self.frames()[2]), expected[2])
        (told,) = self.told
        self.assertEqual((told.version_before, told.version_found, told.num_replayed), (1, 2, 0))

    def test_continues_on_another_server_when_its_own_is_lost(self):
        expected = self.chain()
        lost = Server()
        self.addCleanup(lost.stop)
        session = self.open_resumable([lost.address, self.server.address], retry_s=20.0)
        for frame in self.frames()[:3]:
            session.step(frame)
        lost.stop()
        for frame, output in zip(self.frames()[3:], expected[3:], strict=True):
            np.testing.assert_array_equal(session.step(frame), output)
        (told,) = self.told
        self.assertEqual((told.version_before, told.num_replayed), (3, 3))
        self.assertTrue(told.is_reopened)

    def test_a_long_replay_survives_lost_answers(self):
        frames = np.sin(np.arange(40, dtype=np.float32)).reshape(40, 1, 1)
        undisturbed = self.open_resumable()
        expected = [undisturbed.step(frame) for frame in frames]
        lost = Server()
        self.addCleanup(lost.stop)
        session = self.open_resumable([lost.address, self.server.address])
        for frame in frames[:-1]:
            session.step(frame)
        lost.stop()
        call, is_lost = session._call, itertools.cycle([True, False])

        def lossy(method, request):
            reply = call(method, request)
            if method == "Step" and next(is_lost):
                raise LostAnswer()
            return reply

        session._call = lossy
        # If the backoff grew from each loss to the next, the retry time would run out before the
        # end.
        np.testing.assert_array_equal(session.step(frames[-1]), expected[-1])
        self.assertEqual(session.version, 40)

    def test_stops_when_another_writer_attaches(self):
        session = self.open_resumable()
        session.step(self.frames()[0])
        self.inference.AttachSession(
            session_pb2.AttachSessionRequest(session_id=session.id), timeout=TIMEOUT_S
        )
        for _ in range(2):
            with self.assertRaisesRegex(resumable.SessionEnded, "STEP_FENCED"):
                session.step(self.frames()[1])

    def test_a_refused_step_is_not_performed(self):
        expected, session = self.chain(), self.open_resumable()
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "INPUT_SHAPE"):
            session.step(np.zeros((1, 2), np.float32))
        np.testing.assert_array_equal(session.step(self.frames()[0]), expected[0])

    def test_an_unfinished_step_is_finished_first(self):
        expected, session = self.chain(), self.open_resumable(retry_s=0.3)
        self.lose_answers(session, 1000)
        with self.assertRaises(resumable.StepUnfinished):
            session.step(self.frames()[0])
        with self.assertRaises(resumable.StepUnfinished):
            session.step(self.frames()[1])
        del session._call
        np.testing.assert_array_equal(session.finish_step(), expected[0])

    def test_begins_anew_after_a_reset(self):
        expected, session = self.chain(), self.open_resumable()
        for frame in self.frames()[:3]:
            session.step(frame)
        session.reset()
        for frame, output in zip(self.frames()[:3], expected, strict=False):
            np.testing.assert_array_equal(session.step(frame), output)
        self.assertEqual(session.version, 6)

    def test_a_reset_applies_the_given_states(self):
        expected, session = self.chain(), self.open_resumable()
        session.step(self.frames()[0])
        state = self.inference.GetState(
            session_pb2.GetStateRequest(session_id=session.id), timeout=TIMEOUT_S
        ).state
        session.step(self.frames()[2])
        session.reset(state)
        np.testing.assert_array_equal(session.step(self.frames()[1]), expected[1])

    def test_a_reset_is_applied_once_even_if_answers_are_lost(self):
        expected, session = self.chain(), self.open_resumable()
        session.step(self.frames()[3])
        session.reset()
        self.lose_answers(session, 3)
        for frame, output in zip(self.frames(), expected, strict=True):
            np.testing.assert_array_equal(session.step(frame), output)

    def test_a_reset_is_replayed_with_its_step(self):
        expected = self.chain()
        lost = Server()
        self.addCleanup(lost.stop)
        session = self.open_resumable([lost.address, self.server.address], retry_s=20.0)
        session.step(self.frames()[4])
        session.reset()
        session.step(self.frames()[0])
        lost.stop()
        np.testing.assert_array_equal(session.step(self.frames()[1]), expected[1])
        self.assertEqual(self.told[0].num_replayed, 2)

    def test_a_reset_applies_to_the_next_step_that_is_not_refused(self):
        expected, session = self.chain(), self.open_resumable()
        session.step(self.frames()[3])
        session.reset()
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "INPUT_SHAPE"):
            session.step(np.zeros((1, 2), np.float32))
        np.testing.assert_array_equal(session.step(self.frames()[0]), expected[0])

    def test_a_reset_is_refused_while_a_step_is_unfinished(self):
        session = self.open_resumable(retry_s=0.3)
        self.lose_answers(session, 1000)
        with self.assertRaises(resumable.StepUnfinished):
            session.step(self.frames()[0])
        with self.assertRaises(resumable.StepUnfinished):
            session.reset()
        del session._call

    def resumed(self, check, error):
        """Returns a lost and resumed session whose remembered output differs by `error`."""
        session = self.open_resumable(check=check)
        session.step(self.frames()[0])
        if isinstance(session._log[0][1], bytes):
            session._log[0][1] = b"another digest" if error else session._log[0][1]
        elif session._log[0][1] is not None:
            session._log[0][1] = {"": session._log[0][1][""] + np.float32(error)}
        session._move_on()
        return session

    def test_a_different_output_ends_the_session(self):
        for check in (None, resumable.OutputCheck(tolerance=1e-3)):
            with self.subTest(check=check):
                session = self.resumed(check, 1.0)
                with self.assertRaisesRegex(resumable.SessionEnded, "OUTPUT_DIFFERS: step 0"):
                    session.step(self.frames()[1])
                self.assertTrue(self.told[0].has_different_outputs)

    def test_a_different_output_is_reported_and_the_session_continues(self):
        expected = self.chain()
        session = self.resumed(resumable.OutputCheck("report"), 1.0)
        np.testing.assert_array_equal(session.step(self.frames()[1]), expected[1])
        self.assertTrue(self.told[0].has_different_outputs)

    def test_outputs_within_the_tolerance_are_the_same(self):
        for tolerance, error in ((1e-3, 1e-4), (0, 0)):
            with self.subTest(tolerance=tolerance):
                session = self.resumed(resumable.OutputCheck(tolerance=tolerance), error)
                session.step(self.frames()[1])
                self.assertFalse(self.told[0].has_different_outputs)

    def test_no_output_is_remembered_if_none_is_compared(self):
        session = self.resumed(resumable.OutputCheck("off"), 1.0)
        self.assertIsNone(session._log[0][1])
        session.step(self.frames()[1])
        self.assertFalse(self.told[0].has_different_outputs)

    def open_by_name(self, model, targets=None, **options):
        self.told = []
        session = resumable.ResumableSession(
            targets or [self.server.address], model, observer=self.told.append, **options
        )
        self.addCleanup(session.close)
        return session

    def decoder_inputs(self):
        values = np.sin(np.arange(6 * 14, dtype=np.float32)).reshape(6, 14)
        return [{"frames": v[:10].reshape(2, 5), "state_0": v[10:]} for v in values]

    def assert_same(self, outputs, expected):
        self.assertEqual(outputs.keys(), expected.keys())
        for name, output in outputs.items():
            np.testing.assert_array_equal(output, expected[name])

    def test_steps_by_name_survive_lost_answers_and_a_lost_server(self):
        undisturbed = self.open_by_name("decoder")
        expected = [undisturbed.step(inputs) for inputs in self.decoder_inputs()]
        self.assertEqual([output.shape for output in expected[0].values()], [(2, 4), (4,)])
        lost = Server()
        self.addCleanup(lost.stop)
        session = self.open_by_name("decoder", [lost.address, self.server.address], retry_s=20.0)
        for i, inputs in enumerate(self.decoder_inputs()):
            if i == 3:
                lost.stop()
            elif i < 3:
                self.lose_answers(session, i % 2)
            self.assert_same(session.step(inputs), expected[i])
        self.assertEqual(self.told[0].num_replayed, 3)
        self.assertFalse(self.told[0].has_different_outputs)

    def test_masks_and_tokens_continue_from_the_store(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(folder)
            store.start()
            self.addCleanup(store.stop)
            flags = store.server_flags()
            replicas = [Server(flags), Server(flags)]
            for replica in replicas:
                self.addCleanup(replica.stop)
            steps = [
                ({"frames": inputs["frames"], "words": np.array([i % 3, 1], np.int64)}, mask)
                for i, inputs in enumerate(self.decoder_inputs())
                for mask in (None, {"frames": [True, False]}, {"frames": [False, True]})
            ]
            undisturbed = self.open_by_name("two_inputs")
            expected = [undisturbed.step(inputs, mask=mask) for inputs, mask in steps]
            session = self.open_by_name(
                "two_inputs", [replica.address for replica in replicas], retry_s=20.0,
                durability=session_pb2.DURABILITY_SYNC)
            for i, (inputs, mask) in enumerate(steps):
                if i == 7:
                    replicas[0].kill()
                np.testing.assert_array_equal(session.step(inputs, mask=mask), expected[i])
            self.assertEqual(self.told[0].version_found, 7)

    def test_a_difference_in_any_output_ends_the_session(self):
        for check in (resumable.OutputCheck(), resumable.OutputCheck(tolerance=1e-3)):
            with self.subTest(check=check):
                session = self.open_by_name("decoder", check=check)
                call = session._call

                def altered(method, request, call=call):
                    reply = call(method, request)
                    if method == "Step" and reply.replayed:  # The last of its outputs differs.
                        tensor = reply.outputs[-1].tensor
                        tensor.raw = (example.to_array(tensor) + np.float32(1)).tobytes()
                    return reply

                session.step(self.decoder_inputs()[0])
                session._call = altered
                session._move_on()
                with self.assertRaisesRegex(resumable.SessionEnded, "OUTPUT_DIFFERS: step 0"):
                    session.step(self.decoder_inputs()[1])

    def test_a_reset_applies_to_a_step_by_name(self):
        frames = self.decoder_inputs()[0]["frames"]
        inputs = {"frames": frames, "words": np.array([1, 2])}
        session = self.open_by_name("two_inputs")
        first = session.step(inputs)
        self.assertFalse(np.array_equal(session.step(inputs), first))
        session.reset()
        np.testing.assert_array_equal(session.step(inputs), first)

    def test_a_step_without_one_of_the_inputs_is_refused(self):
        session = self.open_by_name("decoder")
        inputs = self.decoder_inputs()[0]
        with self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "INPUT_MISSING"):
            session.step({"frames": inputs["frames"]})
        with self.assertRaisesRegex(ValueError, "frames, state_0"):
            session.step(inputs, mask={"words": [True]})
        session.step(inputs)
        self.assertEqual(session.version, 1)

    def test_an_invalid_check_is_refused(self):
        with self.assertRaisesRegex(ValueError, "'maybe'"):
            resumable.OutputCheck("maybe")
        with self.assertRaisesRegex(ValueError, "-1, below 0"):
            resumable.OutputCheck(tolerance=-1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
