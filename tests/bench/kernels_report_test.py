# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the floors, ratios and goals of kernels_report.py on small runs with round numbers."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

import kernels_report as report

LEVEL_3 = 32e6


def turn(ours=10.0, one_dnn=20.0, onnx=30.0, **more):
    """1000 operations, 100 bytes of all weights or 200 of the recurrent weights per microsecond."""
    counters = {
        "run_type": "iteration",
        "flops": 8000.0, "weight_bytes": 600.0, "recurrent_weight_bytes": 400.0,
        "fma_flops_per_s": 1e9, "read_bytes_per_s": 1e8, "recurrent_read_bytes_per_s": 2e8,
        "us/ours": ours, "us/oneDNN fp32": one_dnn, "us/ONNX Runtime": onnx,
    }
    counters.update(more)
    return {key: value for key, value in counters.items() if value is not None}


def run(*turns, name="LSTM/fp32/H:128/B:4/T:1/iterations:1/repeats:3/manual_time"):
    return {
        "context": {
            "date": "2026-01-01", "isa": "avx512", "load_avg": [0.5],
            "peer/oneDNN fp32": "3", "peer/ONNX Runtime": "1",
            "caches": [{"level": 2, "size": 1e6}, {"level": 3, "size": LEVEL_3}],
        },
        "benchmarks": [{**each, "run_name": name} for each in turns],
    }


def narrow_run(name, **more):
    """Returns a row of narrow weights that meets its goals unless the arguments say otherwise."""
    counters = {"ours": 10.0, "one_dnn": None, "onnx": None, "us/our fp32": 31.0, **more}
    if "/bf16/" in name:
        counters.setdefault("us/oneDNN bf16", 20.0)
    return run(turn(**counters), name=name)


def only_row(document):
    (row,) = report.read_rows(document)
    return row


def missed_titles(document):
    return [goal["title"] for goal in report.to_json(document)["goals"] if not goal["met"]]


class FloorTest(unittest.TestCase):
    def test_arithmetic_time_is_operations_divided_by_rate(self):
        row = only_row(run(turn(flops=9000.0)))

        arithmetic, _ = report.floors(row, row.turns[0])

        self.assertAlmostEqual(arithmetic, 9.0)

    def test_one_timestep_reads_all_weights_once(self):
        row = only_row(run(turn()))

        _, reading = report.floors(row, row.turns[0])

        self.assertAlmostEqual(reading, 6.0)  # 600 bytes at the rate of 600
        self.assertEqual(row.bytes_read, 600)

    def test_many_timesteps_read_the_input_weights_once_in_24(self):
        row = only_row(run(turn(), name="GRU/fp32/H:128/B:4/T:64"))

        _, reading = report.floors(row, row.turns[0])

        # Reading takes 64 times 400 bytes at the rate of 400, plus 3 times 200 bytes at the rate of
        # all weights.
        self.assertAlmostEqual(reading, 64 * 2.0 + 3 * 2.0)
        self.assertEqual(row.bytes_read, 64 * 400 + 3 * 200)

    def test_the_floor_is_the_larger_time(self):
        by_arithmetic = only_row(run(turn(ours=10.0)))
        by_reading = only_row(run(turn(ours=10.0, flops=1000.0)))

        self.assertAlmostEqual(by_arithmetic.floor_fraction(), 0.8)
        self.assertFalse(by_arithmetic.is_bound_by_reading())
        self.assertAlmostEqual(by_reading.floor_fraction(), 0.6)
        self.assertTrue(by_reading.is_bound_by_reading())

    def test_phases_of_many_timesteps_are_added_up(self):
        # Multiplying takes 96 us, a third of it for the inputs, whose weights take 6 us to read;
        # reading those of the states takes 128 us.
        row = only_row(run(turn(ours=200.0, flops=96000.0), name="GRU/fp32/H:128/B:4/T:64"))

        self.assertAlmostEqual(row.floor_fraction(), (128 + 6) / 200)
        self.assertAlmostEqual(row.phases_fraction(), (128 + 32) / 200)
        self.assertIsNone(only_row(run(turn())).phases_fraction())

    def test_pairs_of_bfloat16_have_their_own_rate(self):
        row = only_row(narrow_run("LSTM/bf16/H:128/B:4/T:1", fma_flops_per_s=None,
                                  pair_flops_per_s=2e9))

        self.assertAlmostEqual(report.floors(row, row.turns[0])[0], 4.0)

    def test_groups_of_four_int8_have_their_own_rate(self):
        row = only_row(narrow_run("LSTM/int8/H:128/B:4/T:1", fma_flops_per_s=None,
                                  four_flops_per_s=4e9))

        self.assertAlmostEqual(report.floors(row, row.turns[0])[0], 2.0)

    def test_bfloat16_without_pairs_has_the_rate_of_float32(self):
        row = only_row(narrow_run("LSTM/bf16/H:128/B:4/T:1"))

        self.assertAlmostEqual(report.floors(row, row.turns[0])[0], 8.0)

    def test_layers_without_states_have_a_floor(self):
        row = only_row(run(turn(recurrent_weight_bytes=0.0, recurrent_read_bytes_per_s=None),
                           name="Dense/fp32/H:64/B:1/T:1"))

        self.assertAlmostEqual(report.floors(row, row.turns[0])[1], 6.0)


class RatioTest(unittest.TestCase):
    def test_ratios_are_computed_within_a_turn(self):
        # The whole second turn was disturbed, and both took three times as long.
        row = only_row(run(turn(ours=10, one_dnn=20), turn(ours=30, one_dnn=60),
                           turn(ours=11, one_dnn=22)))

        self.assertAlmostEqual(row.times_of("oneDNN fp32"), 2.0)
        self.assertEqual(row.times(), (11, 10, 30))

    def test_a_ceiling_belongs_to_its_turn(self):
        row = only_row(run(turn(ours=10), turn(ours=20, fma_flops_per_s=0.5e9), turn(ours=10)))

        self.assertAlmostEqual(row.floor_fraction(), 0.8)

    def test_aggregates_are_not_turns(self):
        row = only_row(run(turn(), turn(), {**turn(ours=99), "run_type": "aggregate"}))

        self.assertEqual(len(row.turns), 2)


class GoalTest(unittest.TestCase):
    def test_all_goals_can_be_met(self):
        self.assertEqual(missed_titles(run(turn(ours=8.5))), [])

    def test_large_batches_need_88_percent_of_the_floor(self):
        self.assertEqual(missed_titles(run(turn(ours=8 / 0.881))), [])
        self.assertEqual(missed_titles(run(turn(ours=8 / 0.879))),
                         ["of the floor, B >= 4, weights within L3"])

    def test_weights_beyond_the_level_3_cache_are_left_out(self):
        self.assertEqual(missed_titles(run(turn(ours=15, weight_bytes=LEVEL_3, onnx=60,
                                                read_bytes_per_s=1e15))), [])

    def test_small_batches_need_85_percent_from_128_units_on(self):
        def missed(units, ours):
            return missed_titles(run(turn(ours=ours), name=f"LSTM/fp32/H:{units}/B:2/T:1"))

        self.assertEqual(missed(128, 8 / 0.851), [])
        self.assertEqual(missed(128, 8 / 0.849), ["of the floor, B <= 2, H >= 128"])
        self.assertEqual(missed(64, 8 / 0.849), [])

    def test_one_slower_row_misses_never_slower(self):
        fast = run(turn(ours=8.5), name="LSTM/fp32/H:128/B:4/T:1")["benchmarks"]
        slow = run(turn(ours=8.5, one_dnn=8.2), name="LSTM/fp32/H:128/B:8/T:1")
        slow["benchmarks"] += fast

        self.assertEqual(missed_titles(slow), ["x oneDNN fp32, never slower"])

    def test_equal_to_one_dnn_is_not_faster(self):
        self.assertEqual(missed_titles(run(turn(ours=8.5, one_dnn=8.5))),
                         ["x oneDNN fp32, faster in the median"])

    def test_the_goal_against_onnx_runtime_is_higher_for_small_batches(self):
        def missed(batch, onnx):
            return missed_titles(run(turn(ours=8.5, onnx=8.5 * onnx),
                                     name=f"GRU/fp32/H:128/B:{batch}/T:1"))

        self.assertEqual(missed(8, 1.31), [])
        self.assertEqual(missed(8, 1.29), ["x ONNX Runtime, T = 1"])
        self.assertEqual(missed(4, 2.01), [])
        self.assertEqual(missed(4, 1.99), ["x ONNX Runtime, T = 1, B <= 4"])

    def test_onnx_runtime_has_no_goal_for_many_timesteps(self):
        slow = run(turn(ours=135, onnx=100, one_dnn=200), name="GRU/fp32/H:128/B:4/T:64")

        self.assertEqual(missed_titles(slow), [])

    def test_a_peer_that_was_not_measured_is_not_a_success(self):
        titles = missed_titles(run(turn(ours=8.5, onnx=None)))

        self.assertEqual(titles, ["x ONNX Runtime, T = 1", "x ONNX Runtime, T = 1, B <= 4"])

    def test_goals_beyond_the_floor_are_counted(self):
        # We are at 80 % of the floor, so 1.5 would become 1.88 at the floor, and 1.7 would become
        # 2.1.
        def out_of_reach(onnx):
            document = run(turn(ours=10, onnx=10 * onnx))
            return [goal["title"] for goal in report.to_json(document)["goals"]
                    if goal["out_of_reach"]]

        self.assertEqual(out_of_reach(1.5), ["x ONNX Runtime, T = 1, B <= 4"])
        self.assertEqual(out_of_reach(1.7), [])

    def missed_by_narrow_weights(self, name, float32, **more):
        return missed_titles(narrow_run(name, **{"us/our fp32": 10.0 * float32, **more}))

    def test_bfloat16_must_be_faster_than_float32_in_large_batches(self):
        for layer in ("LSTM", "GRU"):
            name = f"{layer}/bf16/H:64/B:4/T:1"
            self.assertEqual(self.missed_by_narrow_weights(name, 1.81), [])
            self.assertEqual(self.missed_by_narrow_weights(name, 1.79),
                             ["x our fp32, bf16, B >= 4"])

    def test_bfloat16_must_be_faster_than_float32_at_batch_1_from_512_units_on(self):
        def missed(units, float32):
            return self.missed_by_narrow_weights(f"GRU/bf16/H:{units}/B:1/T:1", float32)

        self.assertEqual(missed(512, 1.71), [])
        self.assertEqual(missed(512, 1.69), ["x our fp32, bf16, B = 1, H >= 512"])
        self.assertEqual(missed(256, 1.0), [])

    def test_int8_must_be_three_times_as_fast_in_the_largest_lstm(self):
        def missed(name, float32):
            return self.missed_by_narrow_weights(name, float32)

        self.assertEqual(missed("LSTM/int8/H:1024/B:1/T:1", 3.01), [])
        self.assertEqual(missed("LSTM/int8/H:1024/B:1/T:1", 2.99),
                         ["x our fp32, int8, LSTM, B = 1, H = 1024"])
        for name in ("GRU/int8/H:1024/B:1/T:1", "LSTM/int8/H:512/B:1/T:1",
                     "LSTM/int8/H:1024/B:4/T:1"):
            self.assertEqual(missed(name, 1.0), [], name)

    def test_bfloat16_is_compared_with_one_dnn_in_bfloat16(self):
        def missed(*one_dnn):
            documents = [narrow_run(f"LSTM/bf16/H:128/B:{batch}/T:1",
                                    **{"us/oneDNN bf16": 10.0 * value})
                         for batch, value in zip((1, 4, 16), one_dnn)]
            for other in documents[1:]:
                documents[0]["benchmarks"] += other["benchmarks"]
            return missed_titles(documents[0])

        self.assertEqual(missed(0.98, 1.01, 1.01), [])
        self.assertEqual(missed(0.96, 1.01, 1.01), ["x oneDNN bf16, never slower"])
        self.assertEqual(missed(0.98, 0.99, 1.01), ["x oneDNN bf16, faster in the median"])

    def test_narrow_weights_need_their_peers(self):
        self.assertEqual(
            missed_titles(narrow_run("LSTM/bf16/H:512/B:1/T:1", **{"us/oneDNN bf16": None})),
            ["x oneDNN bf16, never slower", "x oneDNN bf16, faster in the median"])
        self.assertEqual(
            missed_titles(narrow_run("LSTM/int8/H:1024/B:1/T:1", **{"us/our fp32": None})),
            ["x our fp32, int8, LSTM, B = 1, H = 1024"])

    def test_narrow_weights_have_no_goal_for_the_floor(self):
        slow = narrow_run("LSTM/int8/H:128/B:4/T:1", ours=1000.0)

        self.assertEqual(missed_titles(slow), [])

    def missed_by_two_cores(self, name, speed):
        turns = [] if speed is None else [("us/ours on two cores", 8.5 / speed)]
        return missed_titles(run(turn(ours=8.5, **dict(turns)), name=name))

    def test_two_cores_must_be_much_faster_in_the_largest_lstm(self):
        title = "x one core, two cores, LSTM, B = 1, H = 1024"
        name = "LSTM/fp32/H:1024/B:1/T:1"
        self.assertEqual(self.missed_by_two_cores(name, 1.61), [])
        self.assertEqual(self.missed_by_two_cores(name, 1.59), [title])
        self.assertEqual(self.missed_by_two_cores(name, None), [title])

    def test_two_cores_must_not_be_slower_where_they_share_a_step(self):
        name = "LSTM/fp32/H:256/B:4/T:1"
        self.assertEqual(self.missed_by_two_cores(name, 1.01), [])
        self.assertEqual(self.missed_by_two_cores(name, 0.99),
                         ["x one core, two cores, wherever they share a step"])
        self.assertEqual(self.missed_by_two_cores(name, None), [])

    def test_a_whole_model_has_its_own_goal(self):
        name = "Engine/fp32/H:256/B:16/T:1"
        self.assertEqual(missed_titles(run(turn(ours=8 / 0.851), name=name)), [])
        self.assertEqual(
            missed_titles(run(turn(ours=8 / 0.849), name=name)),
            ["of the floor, two GRUs and a Dense layer through Engine, H = 256, B = 16"])

    def test_other_layers_have_no_goal_yet(self):
        for name in ("Dense/fp32/H:128/B:4/T:1", "SimpleRNN/fp32/H:128/B:4/T:1"):
            self.assertEqual(missed_titles(run(turn(ours=1000), name=name)), [], name)


class ProgramTest(unittest.TestCase):
    def run_main(self, document, *options):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "run.json"
            path.write_text(json.dumps(document))
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                code = report.main([str(path), *options])
        return code, text.getvalue()

    def test_check_fails_when_a_goal_is_missed(self):
        self.assertEqual(self.run_main(run(turn(ours=100)), "--check")[0], 1)
        self.assertEqual(self.run_main(run(turn(ours=8.5)), "--check")[0], 0)
        self.assertEqual(self.run_main(run(turn(ours=100)))[0], 0)

    def test_the_text_has_the_row_and_the_worst_rows(self):
        _, text = self.run_main(run(turn(ours=16.0)))

        line = next(line for line in text.splitlines() if line.startswith("LSTM"))
        self.assertEqual(line.split(), ["LSTM", "fp32", "128", "4", "1", "16", "16", "16", "0.5",
                                        "0.0", "fma", "50.0", "-", "-", "1.25", "1.88"])
        self.assertIn("MISSED >= 0.88 of the floor, B >= 4, weights within L3: 0 of 1 rows", text)
        self.assertIn("0.50  LSTM fp32 H=128 B=4 T=1\n", text)

    def test_ratios_are_also_shown_as_they_would_be_at_the_floor(self):
        _, text = self.run_main(run(turn(ours=10.0, onnx=12.0)))

        self.assertIn("1.20  LSTM fp32 H=128 B=4 T=1, 1.50 at the floor\n", text)

    def test_narrow_rows_are_compared_with_our_float32(self):
        _, text = self.run_main(narrow_run("LSTM/bf16/H:128/B:4/T:1", fma_flops_per_s=None,
                                           pair_flops_per_s=2e9))

        head, line = (line for line in text.splitlines() if line.startswith(("layer", "LSTM")))
        self.assertTrue(head.endswith("x our fp32  x oneDNN bf16"), head)
        self.assertEqual(line.split()[-2:], ["3.10", "2.00"])
        self.assertIn("bf16 pairs ceiling: 2 GFLOP/s", text)
        self.assertNotIn("fp32 ceiling", text)

    def test_two_cores_are_compared_with_one(self):
        _, text = self.run_main(run(turn(ours=16.0, **{"us/ours on two cores": 10.0})))

        head, line = (line for line in text.splitlines() if line.startswith(("layer", "LSTM")))
        self.assertNotIn("ours on two cores", head)
        self.assertEqual(line.split()[-3:], ["1.60", "1.25", "1.88"])

    def test_a_run_without_rows_is_an_error(self):
        with self.assertRaises(SystemExit):
            self.run_main(run())


if __name__ == "__main__":
    unittest.main()
