# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Goal: the cluster performs its commands, shows the result, and leaves nothing behind. Method: run
the program with a script that takes a few seconds, and end it in each way; test its parts alone
for what a run cannot show."""

import contextlib
import math
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

import commands
import programs
from load import Tally
from metrics_page import MetricsPage
from table import Look, Table

RUN = programs.ROOT / "deploy/cluster/run"
END_SECONDS = 60
SCRIPT = """
# A replica is lost and comes back; another one is drained.
1.5 kill 1
3 sessions
3.5 restart 1
5 drain 2
"""


def pids_in(text):
    """Returns the processes of the replicas that a table or a command named."""
    rows = re.findall(r"^ +\d +(\d+) +(?:serving|draining)", text, re.M)
    return {int(pid) for pid in rows + re.findall(r"pid (\d+)", text)}


def is_running(pid):
    with contextlib.suppress(OSError):
        return "rnnserve" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    return False


class RunTest(unittest.TestCase):
    """Each test runs a cluster of its own."""

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def start(self, *arguments):
        process = subprocess.Popen(
            [RUN, "--sessions=30", *arguments], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": self.folder})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def await_table(self, process):
        """Returns the text that was printed until all three replicas served."""
        text = ""
        for line in process.stdout:
            text += line
            if text.count("serving") == 3:
                return text
        self.fail(text)

    def expect_nothing_left(self, text):
        pids = pids_in(text)
        self.assertGreaterEqual(len(pids), 3, text)
        deadline = time.monotonic() + END_SECONDS
        while any(map(is_running, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual([pid for pid in pids if is_running(pid)], [])

    def test_a_script_is_performed_and_shown(self):
        script = pathlib.Path(self.folder) / "script"
        script.write_text(SCRIPT)
        process = self.start(f"--script={script}", "--seconds=7")

        text, _ = process.communicate(timeout=END_SECONDS)

        self.assertEqual(process.returncode, 0, text)
        for told in (r">> kill 1: pid \d+", r">> restart 1: pid \d+", r">> drain 2: pid \d+",
                     r"sessions by replica:\n  0: \d+: live-", r"\n  1 +- +down\n",
                     r"errors: .*UNAVAILABLE \d+", r", 0 wrong replies;"):
            self.assertRegex(text, told)
        answered = [int(rate) for rate in re.findall(r"(\d+) steps/s answered", text)]
        self.assertGreater(min(answered[1:]), 0, "the others continued all the time")
        self.expect_nothing_left(text)
        self.assertEqual(os.listdir(self.folder), ["script"])

    def test_commands_come_from_the_terminal_too(self):
        process = self.start()
        text = self.await_table(process)

        more, _ = process.communicate("nonsense\nkill 7\npause 0\nquit\n", timeout=END_SECONDS)

        self.assertEqual(process.returncode, 0, more)
        for told in ("cannot do 'nonsense'", "there is no replica 7", ">> pause 0: pid"):
            self.assertIn(told, more)
        self.expect_nothing_left(text + more)

    def test_ctrl_c_stops_everything(self):
        process = self.start("--seconds=60")
        text = self.await_table(process)

        process.send_signal(signal.SIGINT)
        more, _ = process.communicate(timeout=END_SECONDS)

        self.assertEqual(process.returncode, 0, more)
        self.expect_nothing_left(text)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_crash_leaves_no_process(self):
        process = self.start("--seconds=60")
        text = self.await_table(process)

        process.kill()

        self.expect_nothing_left(text)

    def test_a_script_with_a_mistake_is_refused(self):
        script = pathlib.Path(self.folder) / "script"
        script.write_text("2 kill 3\n")
        text, _ = self.start(f"--script={script}").communicate(timeout=END_SECONDS)
        self.assertIn("there is no replica 3", text)


class CommandsTest(unittest.TestCase):
    def test_a_script_is_sorted_by_time(self):
        timed = commands.parse_script("3 quit\n# nothing\n\n1.5 kill 2 # then\n", 3)
        self.assertEqual(
            timed, [(1.5, commands.Command("kill", 2)), (3.0, commands.Command("quit"))])

    def test_what_cannot_be_done_is_refused(self):
        for line in ("kill", "kill x", "kill 3", "quit 1", "explode 1"):
            with self.subTest(line), self.assertRaises(commands.UnknownCommand):
                commands.parse(line, 3)
        for script in ("kill 1", "2", "x kill 1"):
            with self.subTest(script), self.assertRaises(commands.UnknownCommand):
                commands.parse_script(script, 3)


class TableTest(unittest.TestCase):
    BEFORE = MetricsPage('a_total{m="x"} 5\nh_bucket{le="1"} 0\nh_bucket{le="+Inf"} 0\n')
    NOW = MetricsPage('a_total{m="x"} 7\na_total{m="y"} 1\n'
                      'h_bucket{le="1"} 0\nh_bucket{le="2"} 100\nh_bucket{le="+Inf"} 100\n')

    def test_totals_and_growth_follow_the_labels(self):
        self.assertEqual(self.NOW.total("a_total"), 8)
        self.assertEqual(self.NOW.growth(self.BEFORE, "a_total", m="x"), 2)
        self.assertEqual(self.BEFORE.growth(self.NOW, "a_total"), 5, "after a restart")

    def test_a_quantile_lies_between_two_bounds(self):
        self.assertAlmostEqual(self.NOW.quantile(self.BEFORE, 0.5, "h"), 1.5)
        self.assertTrue(math.isnan(self.NOW.quantile(self.NOW, 0.5, "h")))

    def test_rates_and_errors_are_relative_to_the_last_line(self):
        def page(steps, errors):
            return MetricsPage(f"rnnserve_sessions 4\nrnnserve_steps_total {steps}\n"
                               f"rnnserve_errors_total {errors}\n")

        table, tally = Table(), Tally()
        table.lines(1.0, {0: Look("serving", 11, page(10, 1))}, tally)
        tally.errors["UNAVAILABLE"] += 2
        lines = table.lines(3.0, {0: Look("serving", 11, page(30, 4))}, tally)
        self.assertIn("errors: UNAVAILABLE 2", lines[0])
        self.assertEqual(lines[2].split(), ["0", "11", "serving", "4", "10", "-", "3"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
