# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains the two demo models in Keras and writes the results that the demo compares itself with.

Reads the real data out of the installed Python packages (requirements.txt), writes models/*.keras
and data/*. README.md says where the data comes from and how to run this. `--check` trains nothing:
it recomputes every committed number from the committed models and exits non-zero on a difference.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # Gives the same numbers with and without a GPU.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # One summation order on every CPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# E402: the environment above must be set first.
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE / "models"
DATA = HERE / "data"
SEED = 1

FEATURES = 12
SPEAKERS = 9
FRAMES_MAX = 29
MASK_VALUE = -99.0  # Far from the coefficients (-1.9 to 2.3): masks no real frame.

FIRST_YEAR = 1749
LAST_YEAR = 2008
SUNSPOT_SCALE = 100.0  # Brings 0 to 254 sunspots near the unit range; part of the model.

# Two runs of the same model differ only by summation order; these tolerances are 10 times the
# observed difference.
PROBABILITY_TOLERANCE = 1e-5
FORECAST_TOLERANCE = 1e-3  # In sunspots, whose forecasts reach 230.


def package_file(package, relative_path):
    """Returns the path of a data file inside a package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        sys.exit(f"package '{package}' is missing: install requirements.txt first")
    return pathlib.Path(spec.submodule_search_locations[0]) / relative_path


# --- Japanese Vowels: which of nine speakers is it? ---


def load_vowels(split):
    """Returns [(label 0..8, frames [T, 12] float32)] of the original TRAIN or TEST split."""
    path = package_file("aeon", f"datasets/data/JapaneseVowels/JapaneseVowels_{split}.ts")
    recordings = []
    for line in path.read_text().splitlines():
        if not line or line[0] in "#@":
            continue
        *dimensions, speaker = line.split(":")
        frames = np.array([d.split(",") for d in dimensions], np.float64).T.astype(np.float32)
        recordings.append((int(speaker) - 1, frames))
    verify_vowels(split, recordings)
    return recordings


def verify_vowels(split, recordings):
    """Exits unless these are the recordings that the data set's authors describe."""
    # The number of recordings per speaker, as listed by the authors.
    expected = {"TRAIN": [30] * SPEAKERS, "TEST": [31, 35, 88, 44, 29, 24, 40, 50, 29]}[split]
    per_speaker = np.bincount([label for label, _ in recordings], minlength=SPEAKERS).tolist()
    lengths = [len(frames) for _, frames in recordings]
    shapes_fit = all(frames.shape[1] == FEATURES for _, frames in recordings)
    masked = any((frames == MASK_VALUE).any() for _, frames in recordings)
    if per_speaker != expected or not shapes_fit or masked:
        sys.exit(f"unexpected Japanese Vowels {split} data: recordings per speaker {per_speaker}")
    if min(lengths) < 7 or max(lengths) > FRAMES_MAX:
        sys.exit(f"unexpected Japanese Vowels lengths: {min(lengths)} to {max(lengths)}")


def pad_vowels(recordings):
    """Returns (frames [N, 29, 12] right-padded with MASK_VALUE, labels [N])."""
    frames = np.full((len(recordings), FRAMES_MAX, FEATURES), MASK_VALUE, np.float32)
    for row, (_, recording) in enumerate(recordings):
        frames[row, : len(recording)] = recording
    return frames, np.array([label for label, _ in recordings])


def build_vowels_model():
    return keras.Sequential(
        [
            keras.Input((None, FEATURES), name="frames"),
            keras.layers.Masking(MASK_VALUE, name="masking"),
            keras.layers.LSTM(96, name="lstm"),
            keras.layers.Dropout(0.4, name="dropout"),
            keras.layers.Dense(SPEAKERS, activation="softmax", name="speaker"),
        ],
        name="japanese_vowels",
    )


def train_vowels():
    """Trains only on the 270 training recordings, with new noise on the frames in each epoch."""
    epochs, batch, noise = 120, 16, 0.2
    frames, labels = pad_vowels(load_vowels("TRAIN"))
    is_real = frames != MASK_VALUE
    model = build_vowels_model()
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * -(-len(frames) // batch))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    random = np.random.default_rng(SEED)
    for _ in range(epochs):
        noisy = frames + random.normal(0.0, noise, frames.shape).astype(np.float32)
        model.fit(np.where(is_real, noisy, frames), labels, batch_size=batch, verbose=0)
    return model


def vowels_results(model):
    """Returns (probabilities [370, 9], accuracy) of the held-out recordings."""
    frames, labels = pad_vowels(load_vowels("TEST"))
    probabilities = model.predict(frames, batch_size=len(frames), verbose=0)
    return probabilities, float(np.mean(probabilities.argmax(axis=1) == labels))


# --- Sunspots: the next month from all months before it ---


def load_sunspots():
    """Returns the monthly mean sunspot numbers, January 1749 to December 2008, float32 [3120]."""
    path = package_file("statsmodels", "datasets/sunspots/src/sunspots_monthly.dat")
    series = []
    for line in path.read_text().splitlines():
        fields = line.split()
        # The file also contains headings, notes and an incomplete last year.
        if len(fields) == 13 and fields[0].isdigit() and int(fields[0]) <= LAST_YEAR:
            series += [float(field) for field in fields[1:]]
    if len(series) != 12 * (LAST_YEAR - FIRST_YEAR + 1) or series[:3] != [58.0, 62.6, 70.0]:
        sys.exit(f"unexpected sunspot data: {len(series)} months, beginning {series[:3]}")
    return np.array(series, np.float32)


def build_sunspots_model():
    return keras.Sequential(
        [
            keras.Input((None, 1), name="sunspots"),
            keras.layers.Dense(1, trainable=False, name="scale"),
            keras.layers.GRU(32, return_sequences=True, name="gru_1"),
            keras.layers.GRU(32, return_sequences=True, name="gru_2"),
            keras.layers.Dropout(0.1, name="dropout"),
            keras.layers.TimeDistributed(keras.layers.Dense(1, name="forecast"), name="forecasts"),
        ],
        name="sunspots",
    )


def train_sunspots():
    """Trains only on the first half of the series; the second half stays unseen."""
    epochs, batch, window, stride = 40, 32, 240, 8
    series = load_sunspots()
    series = series[: len(series) // 2]
    starts = range(0, len(series) - window, stride)
    inputs = np.stack([series[i : i + window] for i in starts])[..., None]
    targets = np.stack([series[i + 1 : i + 1 + window] for i in starts])[..., None]
    model = build_sunspots_model()
    model.get_layer("scale").set_weights([np.array([[1.0 / SUNSPOT_SCALE]]), np.zeros(1)])
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * -(-len(inputs) // batch))
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), "mse")
    model.fit(inputs, targets / SUNSPOT_SCALE, batch_size=batch, epochs=epochs, verbose=0)
    # The model learned scaled forecasts; fold the scale into its weights so that it outputs
    # sunspots.
    forecasts = model.get_layer("forecasts")
    forecasts.set_weights([weight * SUNSPOT_SCALE for weight in forecasts.get_weights()])
    return model


def sunspots_results(model):
    """Returns the forecasts of the whole series and of only its second half, both from zero."""
    series = load_sunspots()[None, :, None]
    half = series.shape[1] // 2
    # Uses a call, not predict(): in predict(), TimeDistributed loses all steps but one at the
    # second length.
    whole = np.asarray(model(series))[0, :, 0]
    second_half = np.asarray(model(series[:, half:]))[0, :, 0]
    if len(whole) != 2 * half or len(second_half) != half:
        sys.exit(f"{len(whole)} and {len(second_half)} forecasts of {2 * half} and {half} months")
    return whole, second_half


def rmse(forecasts, actual):
    return float(np.sqrt(np.mean((forecasts.astype(np.float64) - actual) ** 2)))


# --- Files ---


def shortest(values):
    """Returns floats with the fewest digits that read back as the same float32."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def month_name(index):
    return f"{FIRST_YEAR + index // 12}-{index % 12 + 1:02d}"


def vowels_rows():
    return [
        {"label": label, "frames": [shortest(frame) for frame in frames]}
        for label, frames in load_vowels("TEST")
    ]


def vowels_keras_rows(probabilities):
    return [{"label": int(p.argmax()), "probabilities": shortest(p)} for p in probabilities]


def sunspots_rows():
    series = shortest(load_sunspots())
    return [{"month": month_name(i), "sunspots": value} for i, value in enumerate(series)]


def sunspots_keras_rows(whole, second_half):
    """Returns each month's forecast of the next one; after_reset: from the second half only."""
    half = len(whole) - len(second_half)
    rows = [{"month": month_name(i), "forecast": f} for i, f in enumerate(shortest(whole))]
    for row, forecast in zip(rows[half:], shortest(second_half), strict=True):
        row["after_reset"] = forecast
    return rows


def summary(accuracy, whole):
    series = load_sunspots().astype(np.float64)
    half = len(series) // 2
    return {
        "keras_version": keras.__version__,
        "japanese_vowels": {
            "recordings": len(load_vowels("TEST")),
            "accuracy": round(accuracy, 6),
        },
        "sunspots": {
            "months": len(series),
            "reset_at": half,
            "rmse": round(rmse(whole[half:-1], series[half + 1 :]), 4),
            "persistence_rmse": round(rmse(series[half:-1], series[half + 1 :]), 4),
        },
    }


def compute_results(vowels_model, sunspots_model):
    """Returns {file name: rows} for all files of data/."""
    probabilities, accuracy = vowels_results(vowels_model)
    whole, second_half = sunspots_results(sunspots_model)
    return {
        "japanese_vowels_test.jsonl": vowels_rows(),
        "japanese_vowels_keras.jsonl": vowels_keras_rows(probabilities),
        "sunspots.jsonl": sunspots_rows(),
        "sunspots_keras.jsonl": sunspots_keras_rows(whole, second_half),
        "keras.json": [summary(accuracy, whole)],
    }


def save_weights_only(model, path):
    """Saves a copy that was never compiled, because the optimizer's state would triple the file."""
    copy = keras.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    copy.save(path)


def write_results(results):
    DATA.mkdir(exist_ok=True)
    for name, rows in results.items():
        separators = (",", ":") if name.endswith(".jsonl") else None
        indent = None if name.endswith(".jsonl") else 2
        lines = [json.dumps(row, separators=separators, indent=indent) for row in rows]
        (DATA / name).write_text("\n".join(lines) + "\n")


def read_results(name):
    text = (DATA / name).read_text()
    return [json.loads(part) for part in (text.splitlines() if name.endswith("l") else [text])]


def differs(committed, computed, tolerance):
    """Returns whether two JSON values differ; compares floats with a tolerance."""
    if isinstance(committed, dict) and isinstance(computed, dict):
        return committed.keys() != computed.keys() or any(
            differs(committed[key], computed[key], tolerance) for key in committed
        )
    if isinstance(committed, list) and isinstance(computed, list):
        return len(committed) != len(computed) or any(
            differs(a, b, tolerance) for a, b in zip(committed, computed)
        )
    if isinstance(committed, float) and isinstance(computed, float):
        return not abs(committed - computed) <= tolerance
    return committed != computed


def check_results(results):
    """Compares the committed files with freshly computed rows; returns the exit code."""
    tolerances = {
        "japanese_vowels_keras.jsonl": PROBABILITY_TOLERANCE,
        "sunspots_keras.jsonl": FORECAST_TOLERANCE,
        "keras.json": FORECAST_TOLERANCE,
    }
    code = 0
    for name, computed in results.items():
        committed = read_results(name)
        tolerance = tolerances.get(name, 0.0)
        pairs = enumerate(zip(committed, computed))
        wrong = [i for i, (a, b) in pairs if differs(a, b, tolerance)]
        if len(committed) != len(computed):
            print(f"data/{name}: {len(committed)} rows committed, {len(computed)} computed")
            code = 1
        elif wrong:
            print(f"data/{name}: {len(wrong)} of {len(computed)} rows differ, first {wrong[0] + 1}")
            code = 1
        else:
            print(f"data/{name}: {len(computed)} rows equal the committed ones")
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="verify the committed files instead of training"
    )
    check_only = parser.parse_args().check
    tf.config.experimental.enable_op_determinism()
    if not check_only:
        MODELS.mkdir(exist_ok=True)
        for name, train in (("japanese_vowels", train_vowels), ("sunspots", train_sunspots)):
            keras.utils.set_random_seed(SEED)
            print(f"training {name} ...", flush=True)
            save_weights_only(train(), MODELS / f"{name}.keras")
    # Results always come from the saved files, because the server will load these.
    results = compute_results(
        keras.saving.load_model(MODELS / "japanese_vowels.keras", compile=False),
        keras.saving.load_model(MODELS / "sunspots.keras", compile=False),
    )
    print(json.dumps(results["keras.json"][0], indent=2))
    if check_only:
        return check_results(results)
    write_results(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
