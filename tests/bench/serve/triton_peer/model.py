# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The model for Triton's Python backend: the states of its sequences are in a dict, and ONNX
Runtime runs once for all sequences that the sequence batcher passes together.

This file is copied into a model's version folder (server.py), next to model.onnx.
"""

import os
import pathlib
import sys

# The backend's interpreter ignores it.
sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
import numpy as np  # noqa: E402  (found by the path above)
import onnxruntime  # noqa: E402  (likewise)
import triton_python_backend_utils as triton  # noqa: E402  (likewise)


class TritonPythonModel:
    def initialize(self, _):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._run = onnxruntime.InferenceSession(
            str(pathlib.Path(__file__).parent / "model.onnx"), options,
            providers=["CPUExecutionProvider"]).run
        self._states = {}

    def execute(self, requests):
        def inputs(name):
            return [triton.get_input_tensor_by_name(request, name).as_numpy() for request in requests]

        x = np.concatenate(inputs("x"))
        zeros = np.zeros((2, 1, x.shape[1]), np.float32)
        sequences = [int(values.flat[0]) for values in inputs("CORRID")]
        states = [zeros if starts.flat[0] else self._states[sequence]
                  for sequence, starts in zip(sequences, inputs("START"))]
        h, c = np.concatenate(states, axis=1)
        y, h, c = self._run(None, {"x": x[None], "h": h[None], "c": c[None]})
        state = np.concatenate([h, c])
        for row, (sequence, ends) in enumerate(zip(sequences, inputs("END"))):
            self._states[sequence] = state[:, row:row + 1]
            if ends.flat[0]:
                del self._states[sequence]
        return [triton.InferenceResponse([triton.Tensor("y", y[0, 0, row:row + 1])])
                for row in range(len(requests))]
