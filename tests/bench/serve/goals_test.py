# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests when a goal of serve_bench.py is met, the format of its model files, and the writing of
options."""

import json
import struct
import tempfile
import unittest

from goals import Result
from model_files import write_lstm
from processes import words_of


class ResultTest(unittest.TestCase):
    def test_the_median_counts(self):
        self.assertTrue(Result("x", [0.1, 0.9, 0.9], 0.85).is_met)
        self.assertFalse(Result("x", [0.1, 0.1, 0.9], 0.85).is_met)

    def test_a_goal_can_be_an_upper_bound(self):
        self.assertTrue(Result("x", [4.0], 5, is_at_most=True).is_met)
        self.assertFalse(Result("x", [6.0], 5, is_at_most=True).is_met)

    def test_a_result_without_a_goal_is_neither_met_nor_missed(self):
        result = Result("x", [0.5], None)

        self.assertTrue(result.is_met)
        self.assertTrue(result.line().startswith("-"), result.line())
        self.assertNotIn(">=", result.line())

    def test_the_line_has_value_goal_and_spread(self):
        line = Result("x of y", [0.8, 0.9, 1.0], 0.85, parts="of 3").line()

        self.assertTrue(line.startswith("met"), line)
        for part in ("0.9 >= 0.85", "x of y (3 turns, 0.8 to 1)", "\n         of 3"):
            self.assertIn(part, line)
        self.assertTrue(Result("x", [2.0], 1, is_at_most=True).line().startswith("MISSED"))


class ModelFilesTest(unittest.TestCase):
    def test_a_bundle_has_every_weight_once(self):
        with tempfile.TemporaryDirectory() as folder:
            path = write_lstm(folder, 3)
            data = (path / "weights.safetensors").read_bytes()
            config = json.loads((path / "model.json").read_text())
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + size])

        self.assertEqual(config["model"]["config"]["layers"][1]["config"]["units"], 3)
        self.assertEqual({name: entry["shape"] for name, entry in header.items()},
                         {"lstm/kernel": [3, 12], "lstm/recurrent_kernel": [3, 12],
                          "lstm/bias": [12]})
        spans = sorted(entry["data_offsets"] for entry in header.values())
        self.assertEqual(spans, [[0, 144], [144, 288], [288, 336]])
        self.assertEqual(len(data), 8 + size + 336)


class WordsTest(unittest.TestCase):
    def test_a_true_flag_has_no_value(self):
        self.assertEqual(words_of({"sessions_per_message": 64, "step_sessions": True, "rate": 1}),
                         ["--sessions-per-message", "64", "--step-sessions", "--rate", "1"])


if __name__ == "__main__":
    unittest.main()
