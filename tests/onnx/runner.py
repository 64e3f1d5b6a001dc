# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs graphs as step programs through onnx_runner, without a server. See onnx_runner.cc."""

import dataclasses
import json
import subprocess

import numpy as np


@dataclasses.dataclass
class Task:
    """One graph with static shapes, and the inputs of each step."""

    model: object  # an onnx.ModelProto
    steps: list  # for each step, the arrays of the inputs that are no states, in order
    states: dict = dataclasses.field(default_factory=dict)  # {input: output}


class Refused(Exception):
    """The graph is not served; the text is "CODE: REASON: text"."""


class Runner:
    """The program, whose files are in `folder`. Starts it again if it crashes."""

    def __init__(self, program, folder):
        self._program = program
        self._folder = folder
        self._process = None
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, task):
        """Returns, for each executor, for each step, the list of outputs. Raises Refused."""
        self._number += 1
        stem = self._folder / str(self._number)
        files = {name: f"{stem}.{name}" for name in ("model", "inputs", "outputs")}
        with open(files["model"], "wb") as file:
            file.write(task.model.SerializeToString())
        given = [np.ravel(array).astype(np.float32) for step in task.steps for array in step]
        with open(files["inputs"], "wb") as file:
            file.write(b"".join(array.tobytes() for array in given))
        answer = self._ask({**files, "steps": len(task.steps), "states": task.states})
        if "error" in answer:
            raise Refused(answer["error"])
        values = np.fromfile(files["outputs"], np.float32)
        return _split(values, answer["shapes"], len(task.steps))

    def close(self):
        if self._process:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _ask(self, line):
        if self._process is None:
            self._process = subprocess.Popen(
                [str(self._program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        try:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            code = self._process.wait()
            self._process = None
            raise AssertionError(f"onnx_runner ended with code {code}") from None


def _split(values, shapes, steps):
    executors = []
    position = 0
    size = steps * sum(int(np.prod(shape)) for shape in shapes)
    while position < len(values) or not executors:
        runs = []
        for _ in range(steps):
            outputs = []
            for shape in shapes:
                count = int(np.prod(shape))
                outputs.append(values[position : position + count].reshape(shape))
                position += count
            runs.append(outputs)
        executors.append(runs)
        if size == 0:
            break
    return executors
