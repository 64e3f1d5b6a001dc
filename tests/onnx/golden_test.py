# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs goldens.json through onnx_runner, and checks the page of operators. Standard library only.

usage: golden_test.py RUNNER
"""

import array
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import page

HERE = pathlib.Path(__file__).resolve().parent
RUNNER = sys.argv.pop(1)
ABSOLUTE, RELATIVE = 1e-5, 1e-5
COARSE = 1e-2  # of tests with numbers of 16 bits


class GoldenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.goldens = json.loads((HERE / "goldens.json").read_text())

    def test_every_golden_gives_what_is_recorded(self):
        with tempfile.TemporaryDirectory() as folder:
            tasks = [self._write(pathlib.Path(folder), i) for i in range(len(self.goldens))]
            lines = "".join(json.dumps(task) + "\n" for task in tasks)
            result = subprocess.run(
                [RUNNER], input=lines, capture_output=True, text=True, check=True
            )
            answers = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual(len(answers), len(tasks))
            for golden, task, answer in zip(self.goldens, tasks, answers, strict=True):
                with self.subTest(golden["name"]):
                    self._compare(golden, task, answer)

    def _write(self, folder, number):
        golden = self.goldens[number]
        files = {name: str(folder / f"{number}.{name}") for name in ("model", "inputs", "outputs")}
        pathlib.Path(files["model"]).write_bytes(base64.b64decode(golden["model"]))
        given = [n for numbers in golden["inputs"] for n in numbers]
        pathlib.Path(files["inputs"]).write_bytes(array.array("f", given).tobytes())
        return {**files, "steps": 1, "states": {}}

    def _compare(self, golden, task, answer):
        if "error" in golden:
            begin, says = golden["error"]
            self.assertEqual(answer.get("error", "")[: len(begin)], begin)
            self.assertIn(says, answer["error"])
            return
        self.assertNotIn("error", answer)
        self.assertEqual(answer["shapes"], golden["shapes"])
        values = array.array("f", pathlib.Path(task["outputs"]).read_bytes())
        expected = [n for numbers in golden["outputs"] for n in numbers]
        # The interpreter's results, then those of the compiled program.
        self.assertEqual(len(values), 2 * len(expected))
        is_coarse = "float16" in golden["name"]
        for ours, theirs in zip(values, expected * 2, strict=True):
            width = COARSE if is_coarse else RELATIVE
            self.assertLessEqual(abs(ours - theirs), max(ABSOLUTE, width) + width * abs(theirs))

    def test_page_and_data_agree(self):
        self.assertEqual(page.differences(), [])


if __name__ == "__main__":
    unittest.main()
