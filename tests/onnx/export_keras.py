# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes Keras cells with states as tf2onnx writes them, which Keras itself exports ONNX with.

usage: export_keras.py [FOLDER]    (default: exported/ next to this file; needs keras and tf2onnx)

As export_torch.py: every model takes x and its states, and returns y and the states after the step.
"""

import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402
from keras import layers, ops  # noqa: E402

WIDTH, HIDDEN = 5, 6


class MinGruCell(layers.Layer):
    def __init__(self):
        super().__init__()
        self.gates = layers.Dense(2 * HIDDEN)

    def call(self, x, states):
        gate, candidate = ops.split(self.gates(x), 2, axis=-1)
        z = ops.sigmoid(gate)
        candidate = ops.where(candidate >= 0, candidate + 0.5, ops.sigmoid(candidate))
        h = (1 - z) * states[0] + z * candidate
        return h, [h]


class GatedDeltaCell(layers.Layer):
    def __init__(self):
        super().__init__()
        self.projection = layers.Dense(3 * HIDDEN + 1)
        self.norm = layers.LayerNormalization()

    def call(self, x, states):
        q, k, v, b = ops.split(self.projection(x), [HIDDEN, 2 * HIDDEN, 3 * HIDDEN], axis=-1)
        k = ops.softmax(k)
        s = states[0]
        error = v - ops.einsum("bij,bj->bi", s, k)
        s = s + ops.sigmoid(b)[..., None] * error[..., None] * k[:, None, :]
        return self.norm(ops.einsum("bij,bj->bi", s, q)), [s]


CELLS = {
    "min_gru": (MinGruCell, {"h": (HIDDEN,)}),
    "gated_delta": (GatedDeltaCell, {"s": (HIDDEN, HIDDEN)}),
    "simple_rnn": (lambda: layers.SimpleRNNCell(HIDDEN), {"h": (HIDDEN,)}),
    "gru": (lambda: layers.GRUCell(HIDDEN), {"h": (HIDDEN,)}),
    "gru_reset_before": (lambda: layers.GRUCell(HIDDEN, reset_after=False), {"h": (HIDDEN,)}),
    "lstm": (lambda: layers.LSTMCell(HIDDEN), {"h": (HIDDEN,), "c": (HIDDEN,)}),
}


def export(name, folder):
    make, shapes = CELLS[name]
    keras.utils.set_random_seed(len(name))
    cell = make()
    names = list(shapes)
    signature = [tf.TensorSpec([None, WIDTH], tf.float32, name="x")]
    signature += [tf.TensorSpec([None, *shapes[n]], tf.float32, name=n) for n in names]
    cell(tf.zeros([1, WIDTH]), [tf.zeros([1, *shapes[n]]) for n in names])

    @tf.function(input_signature=signature)
    def step(x, *states):
        y, after = cell(x, list(states))
        outputs = {f"{n}_out": tf.identity(value) for n, value in zip(names, after, strict=True)}
        return {"y": tf.identity(y), **outputs}

    tf2onnx.convert.from_function(
        step, signature, opset=17, output_path=str(folder / f"keras_{name}.onnx")
    )


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "exported"
    folder.mkdir(exist_ok=True)
    for name in CELLS:
        export(name, folder)
        print(name)


if __name__ == "__main__":
    main()
