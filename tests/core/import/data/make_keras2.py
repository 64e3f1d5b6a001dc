# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the Keras 2 models in this folder, and the results that Keras 2 computes with them.

Python 3.11:  python3 -m venv venv && venv/bin/pip install tensorflow-cpu==2.15.1 &&
              venv/bin/python tests/core/import/data/make_keras2.py
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

keras = tf.keras
layers = keras.layers
FOLDER = pathlib.Path(__file__).parent


def sequential():
    """hard_sigmoid of Keras 2, GRU without reset_after, BatchNormalization, LeakyReLU."""
    return keras.Sequential(
        [
            layers.Embedding(9, 4, mask_zero=True, input_shape=(None,)),
            layers.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid"),
            layers.BatchNormalization(),
            layers.Bidirectional(layers.GRU(3, reset_after=False)),
            layers.LeakyReLU(0.2),
            layers.Dense(2, activation="softmax"),
        ],
        name="sequential",
    )


def encoder_decoder():
    """A mask and an initial state in one call, where Keras 3 would drop the mask."""
    ids = keras.Input((None,), name="ids", dtype="int32")
    x = keras.Input((None, 3), name="x")
    embedded = layers.Embedding(7, 4, mask_zero=True, name="embedding")(ids)
    _, h, c = layers.LSTM(5, return_state=True, return_sequences=True, name="encoder")(embedded)
    masked = layers.Masking(0.0, name="masking")(x)
    decoded = layers.LSTM(5, return_sequences=True, name="decoder")(masked, initial_state=[h, c])
    return keras.Model([ids, x], [layers.Dense(2, name="out")(decoded), h], name="encoder_decoder")


def nested():
    """A model with two inner models, one of which is called twice and has non-trainable weights."""
    inner = keras.Sequential(
        [
            layers.LSTM(4, return_sequences=True, input_shape=(None, 3)),
            layers.BatchNormalization(),
            layers.LSTM(4, return_sequences=True),
        ],
        name="inner",
    )
    entry = keras.Input((None, 3), name="entry")
    two = keras.Model(
        entry, [layers.GRU(3, return_sequences=True)(entry), layers.Dense(2)(entry)], name="two"
    )
    x = keras.Input((None, 3), name="x")
    first, second = two(x)
    added = layers.Add()([inner(first), inner(x)])
    return keras.Model(x, [layers.Dense(2, name="out")(added), second], name="nested")


def tensor(array):
    data = [float(str(value)) for value in array.ravel()]
    return {"shape": list(array.shape), "data": data}


def write(model, inputs, suffix):
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.1, 0.9, w.shape) - 0.4 * (w.ndim > 1)
                       for w in model.get_weights()])
    model.save(FOLDER / f"{model.name}{suffix}")
    outputs = model([tf.constant(value) for value in inputs.values()])
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    case = {
        "inputs": [{"name": name, **tensor(value)} for name, value in inputs.items()],
        "outputs": [tensor(value.numpy()) for value in outputs],
    }
    (FOLDER / f"{model.name}.json").write_text(json.dumps(case) + "\n")


def main():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 4, 3)).astype(np.float32).round(2)
    masked = x.copy()
    masked[0, 2:] = 0.0
    masked[1, 0] = 0.0
    write(sequential(), {"embedding_input": np.array([[3, 0, 8, 1], [0, 5, 2, 0]])}, ".h5")
    write(encoder_decoder(), {"ids": np.array([[1, 2, 0, 0], [6, 0, 3, 4]]), "x": masked}, ".keras")
    write(nested(), {"x": x}, ".h5")


if __name__ == "__main__":
    main()
