# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goal: a fault that breaks a promise is detected and reported. Method: give the parts that judge
the inputs that they would get from a broken server. No server runs."""

import math
import unittest

import numpy as np
import oracle
import resumable
from checked_session import CheckedSession
from outcome import Line, Outcome, line_of_ratios, sure_median
from resumption import Resumption
from rnnserve.v1 import session_pb2
from tally import Tally, quantile
from writers import Writer, Writers, num_off_chain


class KnownChain:
    """An oracle whose outputs are the numbers of the steps."""

    @staticmethod
    def expected(_, index):
        return bytes([index])

    @staticmethod
    def replay(inputs):
        return [bytes([index]) for index in range(len(inputs))]


def session_without_server(tally):
    """Returns a session as its constructor would leave it after opening."""
    session = CheckedSession.__new__(CheckedSession)
    session.id, session.version = "s", 3
    session._oracle, session._tune, session._tally = KnownChain, 0, tally
    session._told_durable, session._found_before = 2, False
    session._is_resumed = session._is_unfinished = False
    session._last_output = 0.0
    return session


class CheckedSessionTest(unittest.TestCase):
    def setUp(self):
        self.tally = Tally()
        self.session = session_without_server(self.tally)

    def output(self, number):
        self.session._compare(np.array([number], np.uint8))

    def test_the_output_of_another_step_counts_as_wrong(self):
        self.output(2)
        self.assertEqual((self.tally.steps, self.tally.wrong), (1, 0))
        self.output(1)
        self.assertEqual((self.tally.steps, self.tally.wrong), (2, 1))

    def test_a_reply_with_another_version_or_session_counts_as_wrong(self):
        request = session_pb2.StepRequest(step_index=2)
        right = session_pb2.StepResponse(session_id="s", version=3, durable_version=3)
        self.session._look_at_step(request, right)
        self.assertEqual(self.tally.wrong, 0)
        for changed in ({"version": 4}, {"version": 2}, {"session_id": "t"},
                        {"durable_version": 4}):
            reply = session_pb2.StepResponse()
            reply.CopyFrom(right)
            for name, value in changed.items():
                setattr(reply, name, value)
            before = self.tally.wrong
            self.session._look_at_step(request, reply)
            self.assertEqual(self.tally.wrong, before + 1, changed)

    def test_an_unreported_regression_is_silent(self):
        self.session._look_at_place(1)
        self.output(2)
        self.assertEqual((self.tally.regressions, self.tally.silent), (1, 1))

    def test_a_reported_regression_is_not_silent(self):
        self.session._look_at_place(1)
        self.session._on_resumption(Resumption(3, 2, is_regressed=True))
        self.output(2)
        self.assertEqual((self.tally.regressions, self.tally.silent), (1, 0))

    def test_an_end_with_state_regressed_reports_the_regression(self):
        for text, silent in (("STATE_REGRESSED: found at version 1", 0), ("CLOSED", 1)):
            with self.subTest(text):
                self.setUp()
                self.session._look_at_place(1)
                self.session._step = lambda text=text: self.raise_ended(text)
                with self.assertRaises(resumable.SessionEnded):
                    self.session.advance()
                self.assertEqual(self.tally.silent, silent)

    @staticmethod
    def raise_ended(text):
        raise resumable.SessionEnded(text)


class WritersTest(unittest.TestCase):
    def setUp(self):
        self.pair = [Writer([], "s", number, 1) for number in range(2)]
        for index in range(4):
            self.pair[index % 2].won[index] = bytes([index])

    def test_one_chain_is_right(self):
        self.assertEqual(num_off_chain(KnownChain, self.pair), 0)

    def test_an_output_outside_the_chain_and_a_missing_step_are_detected(self):
        self.pair[0].won[2] = b"x"
        self.assertEqual(num_off_chain(KnownChain, self.pair), 1)
        del self.pair[0].won[2]
        self.assertEqual(num_off_chain(KnownChain, self.pair), 1)

    def test_a_fork_is_detected(self):
        self.pair[0].won[1] = b"x"
        writers = Writers.__new__(Writers)
        writers._pairs = [self.pair]
        self.assertFalse(writers.judge(KnownChain)[0].is_met)


class OracleTest(unittest.TestCase):
    def test_inputs_are_exact_and_differ_by_tune_and_step(self):
        frames = oracle.frames(3, 0, 200)
        self.assertTrue(np.array_equal(frames[100:], oracle.frames(3, 100, 200)))
        self.assertTrue(np.array_equal(frames * 256, np.round(frames * 256)))
        tunes = {oracle.frames(tune, step, step + 1).tobytes()
                 for tune in range(oracle.NUM_TUNES) for step in range(200)}
        self.assertEqual(len(tunes), 200 * oracle.NUM_TUNES)


class OutcomeTest(unittest.TestCase):
    def outcome(self, **changed):
        right = {"lines": [Line("wrong outputs", "0", "0", True)], "steps": 400,
                 "load_seconds": 1.0}
        return Outcome("kill", **{**right, **changed})

    def test_it_is_met_with_load_and_without_a_miss(self):
        self.assertTrue(self.outcome().is_met)
        self.assertFalse(self.outcome(lines=[]).is_met)
        self.assertFalse(self.outcome(lines=[Line("a", "0", "1", False)]).is_met)
        self.assertFalse(self.outcome(error="took more than 1 s").is_met)

    def test_it_reports_that_the_machine_stood_still(self):
        self.assertNotIn("stood still", "\n".join(self.outcome(stillness=0.4).table()))
        self.assertIn("stood still for 2.5 s",
                      "\n".join(self.outcome(stillness=2.5).table()))

    def test_a_run_without_load_is_void(self):
        void = self.outcome(steps=199)
        self.assertFalse(void.is_met)
        self.assertIn("VOID", "\n".join(void.table()))

    def test_ratios_are_missed_only_if_most_turns_agree(self):
        for ratios, verdict in (([1.0, 1.1, 0.9], "met"), ([1.2] * 5, "NOISE"),
                                ([1.2] * 6, "MISSED"), ([1.2] * 5 + [1.0], "NOISE"),
                                ([1.2] * 8 + [1.0], "MISSED"), ([1.2] * 7 + [1.0] * 2, "NOISE")):
            with self.subTest(ratios):
                self.assertEqual(line_of_ratios("p99", "", ratios, 1.05, "").verdict, verdict)

    def test_the_bound_of_a_median_agrees_with_published_tables(self):
        # These are ranks of the sign test at 2.5 %, from published tables.
        for number, rank in ((5, 0), (6, 1), (8, 1), (9, 2), (12, 3), (15, 4), (20, 6), (25, 8),
                             (50, 18), (100, 40)):
            with self.subTest(number):
                self.assertEqual(sure_median(range(number, 0, -1)), rank or -math.inf)

    def test_a_quantile_is_one_of_the_values(self):
        self.assertEqual(quantile(range(1, 101), 0.99), 99)
        self.assertEqual(quantile([7], 0.5), 7)
        self.assertTrue(math.isnan(quantile([], 0.5)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
