# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the arrivals of live streams and the search on servers that are functions."""

import unittest

from live_streams import FRAME_SECONDS, arrivals, largest_served


class ArrivalsTest(unittest.TestCase):
    def test_are_in_order(self):
        times = arrivals(100, 1, seed=1)
        self.assertEqual(times, sorted(times))

    def test_have_one_message_of_each_source_in_every_frame(self):
        times = arrivals(3, 0.1, seed=1)
        self.assertEqual(len(times), 3 * 3)
        for i in range(6):
            self.assertAlmostEqual(times[i + 3] - times[i], FRAME_SECONDS)

    def test_depend_on_the_seed(self):
        self.assertEqual(arrivals(3, 1, seed=1), arrivals(3, 1, seed=1))
        self.assertNotEqual(arrivals(3, 1, seed=1), arrivals(3, 1, seed=2))


class LargestServedTest(unittest.TestCase):
    def find(self, most, guess=64, unit=1):
        asked = []

        def is_served(number):
            asked.append(number)
            return number <= most

        return largest_served(is_served, guess, unit), asked

    def test_finds_more_than_the_guess(self):
        found, _ = self.find(1000)
        self.assertLessEqual(found, 1000)
        self.assertGreaterEqual(found, 960)

    def test_finds_less_than_the_guess(self):
        found, _ = self.find(11)
        self.assertEqual(found, 11)

    def test_finds_multiples(self):
        found, asked = self.find(300, unit=64)
        self.assertEqual(found, 256)
        self.assertTrue(all(number % 64 == 0 for number in asked))

    def test_finds_none(self):
        found, _ = self.find(0)
        self.assertEqual(found, 0)

    def test_ends_with_the_most_that_is_asked(self):
        found, asked = self.find(10**9)
        self.assertLessEqual(max(asked), 65536)
        self.assertGreater(found, 32768)

    def test_asks_again_after_one_bad_run(self):
        runs = iter([False, True] + [False] * 100)
        self.assertEqual(largest_served(lambda number: next(runs), 64, 1, precision=1), 64)


if __name__ == "__main__":
    unittest.main()
