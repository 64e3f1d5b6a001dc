# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Saves a model with the cell of this folder, and a JSON file with inputs and Keras' outputs.

Usage: make_adaptive_model.py MODEL.keras
"""

import json
import pathlib
import sys

import keras
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "golden"))

from adaptive_leaky_cell import RNN, AdaptiveLeakyCell  # noqa: E402  (found by the path above)


def main():
    path = pathlib.Path(sys.argv[1])
    keras.utils.set_random_seed(1)
    sequence = keras.Input((None, 2), name="sequence")
    gain = keras.Input((3,), name="gain")
    layer = RNN(AdaptiveLeakyCell(3, name="cell"), return_sequences=True, name="rnn")
    model = keras.Model([sequence, gain], layer(sequence, constants=[gain]), name="adaptive")
    model.save(path)

    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=shape).astype(np.float32) for shape in ((1, 4, 2), (1, 3))]
    outputs = model.predict(inputs, verbose=0)
    numbers = {"sequence": inputs[0], "gain": inputs[1], "outputs": outputs}
    path.with_suffix(".json").write_text(
        json.dumps({name: value.tolist() for name, value in numbers.items()})
    )


if __name__ == "__main__":
    main()
