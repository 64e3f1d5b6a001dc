# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes training/: small models, and statistics of Keras' outputs with training=True.

    training_statistics.py [NAME...]

Each folder gets a `model.keras` and a `case.json`: `inputs` (one row), `samples`, and `mean`
and `std` of the output over that many calls of the row, each with its own dropout masks.
"""

import pathlib
import shutil
import sys

import reference  # noqa: F401  (first, because it sets up Keras)
import numpy as np

from golden_case import Golden, save, tensor_json, write_json
from reference import keras

HERE = pathlib.Path(__file__).resolve().parent / "training"
SAMPLES = 20_000
TIME = 4
FEATURES = 3

layers = keras.layers


def stack():
    return [
        layers.LSTMCell(3, dropout=0.2, recurrent_dropout=0.3, name="below"),
        layers.GRUCell(2, dropout=0.4, name="middle"),
        layers.SimpleRNNCell(3, dropout=0.3, recurrent_dropout=0.5, name="above"),
    ]


def behind_a_sequence(layer):
    """A recurrent layer reads the sequence of another one, so that their shared masks add up."""
    return [
        layers.SimpleRNN(3, return_sequences=True, name="below"),
        layer,
        layers.GRU(3, name="above"),
    ]


def models():
    """Returns {name: the layers after the input}."""
    rnn = {"name": "rnn"}
    return {
        "simple_rnn": [layers.SimpleRNN(4, dropout=0.3, recurrent_dropout=0.4, **rnn)],
        "simple_rnn_all": [layers.SimpleRNN(4, dropout=1.0, recurrent_dropout=1.0, **rnn)],
        "lstm": [layers.LSTM(3, dropout=0.4, **rnn)],
        "lstm_recurrent": [layers.LSTM(3, dropout=0.3, recurrent_dropout=0.4, **rnn)],
        "lstm_all": [layers.LSTM(3, dropout=1.0, recurrent_dropout=1.0, **rnn)],
        "lstm_all_recurrent": [layers.LSTM(3, dropout=0.4, recurrent_dropout=1.0, **rnn)],
        "lstm_masked": [
            layers.Masking(0.0, name="masking"),
            layers.LSTM(3, recurrent_dropout=0.5, return_sequences=True, **rnn),
        ],
        "gru": [layers.GRU(3, dropout=0.4, return_sequences=True, **rnn)],
        "gru_recurrent": [layers.GRU(3, dropout=0.3, recurrent_dropout=0.5, **rnn)],
        "gru_reset_before": [
            layers.GRU(3, dropout=0.2, recurrent_dropout=0.4, reset_after=False, **rnn)
        ],
        "stack": [layers.RNN(stack(), **rnn)],
        "bidirectional": [
            layers.Bidirectional(
                layers.LSTM(2, dropout=0.3, recurrent_dropout=0.2, return_sequences=True),
                merge_mode="mul",
                name="pair",
            )
        ],
        "conv_lstm": [
            layers.Reshape((TIME, FEATURES, 1), name="image"),
            layers.ConvLSTM1D(2, 2, dropout=0.3, recurrent_dropout=0.4, **rnn),
        ],
        "dropout": behind_a_sequence(layers.Dropout(0.4, name="noise")),
        "dropout_noise_shape": behind_a_sequence(
            layers.Dropout(0.4, noise_shape=(None, TIME, 1), name="noise")
        ),
        "spatial_dropout": behind_a_sequence(layers.SpatialDropout1D(0.4, name="noise")),
        "alpha_dropout": behind_a_sequence(layers.AlphaDropout(0.3, name="noise")),
        "gaussian_dropout": behind_a_sequence(layers.GaussianDropout(0.4, name="noise")),
        "gaussian_noise": behind_a_sequence(layers.GaussianNoise(0.6, name="noise")),
        "time_distributed": behind_a_sequence(
            layers.TimeDistributed(layers.Dropout(0.4, name="inner"), name="noise")
        ),
    }


def write(name, chain):
    golden = Golden(f"training_{name}", "", chain, [], (TIME, FEATURES))
    model = golden.build()
    random = golden.random("weights")
    model.set_weights([random.normal(0.0, 0.9, w.shape) for w in model.weights])
    inputs = golden.random("inputs").normal(0.0, 1.0, (1, TIME, FEATURES)).round(3)
    if name == "lstm_masked":
        inputs[0, 2] = 0.0
    keras.utils.set_random_seed(1)
    outputs = model(np.repeat(inputs.astype(np.float32), SAMPLES, axis=0), training=True).numpy()
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(model, folder / "model.keras", deflate=True)
    samples = outputs.astype(np.float64)
    write_json(
        {
            "inputs": tensor_json(inputs.astype(np.float32)),
            "samples": SAMPLES,
            "mean": tensor_json(samples.mean(axis=0).astype(np.float32)),
            "std": tensor_json(samples.std(axis=0).astype(np.float32)),
        },
        folder / "case.json",
    )
    print(name, samples.mean(axis=0).ravel()[:4].round(3), samples.std(axis=0).ravel()[:4].round(3))


def main():
    chains = models()
    for name in sys.argv[1:] or chains:
        write(name, chains[name])


if __name__ == "__main__":
    main()
