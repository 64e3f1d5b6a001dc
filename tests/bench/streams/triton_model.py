# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The model for Triton's Python backend: the states of the streams are in a dict, and ONNX Runtime
runs once for all frames that the sequence batcher passes together.

triton_server.py copies this file as model.py into the model's version folder, next to model.onnx
and batched_model.py.
"""

import os
import pathlib
import sys

# The backend's interpreter ignores it.
sys.path[:0] = [*os.environ["PYTHONPATH"].split(os.pathsep), str(pathlib.Path(__file__).parent)]
import numpy as np  # noqa: E402  (found by the path above)
import triton_python_backend_utils as triton  # noqa: E402  (likewise)
from batched_model import Streams  # noqa: E402  (likewise)


class TritonPythonModel:
    def initialize(self, _):
        model = pathlib.Path(__file__).parent / "model.onnx"
        self._streams = Streams(model.read_bytes())

    def execute(self, requests):
        def inputs(name):
            return [triton.get_input_tensor_by_name(request, name).as_numpy() for request in requests]

        streams = [int(values.flat[0]) for values in inputs("CORRID")]
        for stream, starts in zip(streams, inputs("START")):
            if starts.flat[0]:
                self._streams.open(stream)
        probabilities = self._streams.step(streams, np.concatenate(inputs("input")))
        for stream, ends in zip(streams, inputs("END")):
            if ends.flat[0]:
                self._streams.close(stream)
        return [triton.InferenceResponse([triton.Tensor("speech", probabilities[row:row + 1, None])])
                for row in range(len(requests))]
