# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the recording of the demo's fourth part and ONNX Runtime's results for it.

Copies the model out of an installed Python package (speech_requirements.txt), joins recordings of
a Debian package, and writes models/silero_vad.onnx and data/speech*. README.md says where they come
from and how to run this. `--check` writes nothing: it computes the results again from the committed
model and recording, and exits with 1 if a number differs.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import sys
import wave

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "models/silero_vad.onnx"
RECORDING = HERE / "data/speech.wav"
RESULTS = HERE / "data/speech_onnxruntime.json"

SENTENCES = ("0870", "0880", "0890")  # They follow each other in the book.
RATE = 16000
FRAME = 512  # The samples that a client sends, 32 ms.
CONTEXT = 64  # The samples before them that the model wants to see again.
NUM_SHIFTS = 16
NUM_FRAMES = 480  # The whole frames that are left after the largest shift.

# Two float32 engines differ only by their order of summation.
TOLERANCE = 1e-5


def copy_model():
    spec = importlib.util.find_spec("faster_whisper")  # This does not import the package.
    if spec is None:
        sys.exit("package 'faster-whisper' is missing: install speech_requirements.txt first")
    package = pathlib.Path(spec.submodule_search_locations[0])
    MODEL.parent.mkdir(exist_ok=True)
    shutil.copyfile(package / "assets/silero_vad_v6.onnx", MODEL)


def read_wav(path):
    """Returns the 16-bit samples of a file, which must be mono at 16 kHz."""
    with wave.open(str(path), "rb") as file:
        found = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if found != (1, 2, RATE):
            sys.exit(f"{path}: channels, bytes and rate are {found}, not {(1, 2, RATE)}")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def join_recordings(folder):
    sentences = [read_wav(folder / f"sense_and_sensibility_01_austen_64kb-{number}.wav")
                 for number in SENTENCES]
    with wave.open(str(RECORDING), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(sentences).tobytes())


def speech_probabilities(session, samples):
    """Returns the probability of speech in each whole frame, from zero states."""
    h = c = np.zeros((1, 1, 128), np.float32)
    context = np.zeros(CONTEXT, np.float32)
    probabilities = []
    for frame in samples[:len(samples) // FRAME * FRAME].reshape(-1, FRAME):
        inputs = {"input": np.concatenate([context, frame])[None], "h": h, "c": c}
        probability, h, c = session.run(["speech_probs", "hn", "cn"], inputs)
        probabilities.append(probability.item())
        context = frame[-CONTEXT:]
    return probabilities


def compute_results():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # Without warnings about unused weights.
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    samples = read_wav(RECORDING).astype(np.float32) / 32768
    rows = []
    for shift in range(NUM_SHIFTS):
        skipped = shift * FRAME // NUM_SHIFTS
        probabilities = speech_probabilities(session, samples[skipped:])[:NUM_FRAMES]
        rows.append({"skipped_samples": skipped, "probabilities": probabilities})
    return {"onnxruntime_version": onnxruntime.__version__, "recordings": rows}


def to_text(results):
    """Returns one line for each recording. Floats have the fewest digits that read back as the same
    float32."""
    lines = []
    for row in results["recordings"]:
        numbers = ",".join(np.format_float_positional(np.float32(value), unique=True, trim="0")
                           for value in row["probabilities"])
        lines.append(f'{{"skipped_samples":{row["skipped_samples"]},"probabilities":[{numbers}]}}')
    version = results["onnxruntime_version"]
    return (f'{{"onnxruntime_version": "{version}",\n"recordings": [\n'
            + ",\n".join(lines) + "\n]}\n")


def check_results(computed):
    """Compares the committed file with computed results; returns the exit code."""
    committed = json.loads(RESULTS.read_text())["recordings"]
    if [row["skipped_samples"] for row in committed] != [
            row["skipped_samples"] for row in computed["recordings"]]:
        print(f"{RESULTS.name}: the recordings are not the same")
        return 1
    worst = max(float(np.abs(np.subtract(a["probabilities"], b["probabilities"])).max())
                for a, b in zip(committed, computed["recordings"]))
    print(f"{RESULTS.name}: {len(committed)} recordings, largest difference {worst:.1e}")
    return 0 if worst <= TOLERANCE else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="verify the committed files instead")
    parser.add_argument("--recordings", type=pathlib.Path,
                        default="/usr/share/pocketsphinx/test/data/librivox",
                        help="folder of the Debian package pocketsphinx-testdata")
    options = parser.parse_args()
    if options.check:
        return check_results(compute_results())
    copy_model()
    join_recordings(options.recordings)
    RESULTS.write_text(to_text(compute_results()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
