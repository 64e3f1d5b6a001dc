# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes a Silero VAD file compute many streams at once, and steps them with ONNX Runtime.

The file runs its LSTM over the rows of `input`: they are the frames of one stream. The peers of
this folder need rows of different streams, which takes one other permutation before the LSTM.
"""

import numpy as np
import onnx
import onnxruntime

FRAME, CONTEXT, UNITS = 512, 64, 128


def to_batched(path):
    """Returns the model with states [1, batch, 128] as bytes."""
    model = onnx.load(path)
    (lstm,) = (node for node in model.graph.node if node.op_type == "LSTM")
    (before,) = (node for node in model.graph.node if node.output[0] == lstm.input[0])
    (permutation,) = before.attribute
    if before.op_type != "Transpose" or list(permutation.ints) != [0, 2, 1]:
        raise SystemExit(f"{path}: the LSTM has no transposed input [time, 1, features]")
    permutation.ints[:] = [2, 0, 1]  # [batch, features, 1] becomes [1, batch, features].
    for value in (*model.graph.input, *model.graph.output):
        if value.name in ("h", "c", "hn", "cn"):
            value.type.tensor_type.shape.dim[1].dim_param = "batch"
    return model.SerializeToString()


class Streams:
    """The model, and the states of the open streams by id."""

    def __init__(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # Without warnings about unused weights.
        self._run = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]).run
        self._states = {}

    def open(self, stream):
        zeros = np.zeros((2, UNITS), np.float32)
        self._states[stream] = (zeros, np.zeros(CONTEXT, np.float32))

    def close(self, stream):
        self._states.pop(stream, None)

    def step(self, streams, frames):
        """Advances different streams by a frame each, [batch, 512]; returns probabilities."""
        states, contexts = zip(*(self._states[stream] for stream in streams))
        h, c = np.stack(states, axis=1)
        x = np.concatenate([np.stack(contexts), frames], axis=1)
        probabilities, h, c = self._run(["speech_probs", "hn", "cn"],
                                        {"input": x, "h": h[None], "c": c[None]})
        states = np.stack([h[0], c[0]], axis=1)  # [batch, 2, 128]
        for row, stream in enumerate(streams):
            self._states[stream] = (states[row], frames[row, -CONTEXT:])
        return probabilities
