# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tells when somebody speaks, while the sound arrives: a WAV file or the microphone.

usage: vad.py [--server localhost:50051] [--model silero_vad] [FILE.wav]

The sound is mono, 16 bits, 16 kHz. Without a file it comes from the microphone, which takes the
package sounddevice. `./dev serve` starts a server with the model.
"""

import argparse
import contextlib
import wave

import example  # Generates the stubs.
import grpc
import numpy as np
from rnnserve.v1 import session_pb2

RATE, FRAME = 16000, 512  # The model takes frames of 32 ms.
BEGINS, ENDS, SILENT_FRAMES = 0.5, 0.35, 4  # A pause of less than 128 ms is part of the speech.


def file_frames(path):
    with wave.open(path, "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise SystemExit(f"{path} is not mono with 16 bits and {RATE} Hz")
        while len(data := file.readframes(FRAME)) == 2 * FRAME:
            yield np.frombuffer(data, "<i2")


def microphone_frames():
    import sounddevice

    with sounddevice.InputStream(RATE, FRAME, channels=1, dtype="int16") as microphone:
        while True:
            yield microphone.read(FRAME)[0][:, 0]


def speech(channel, model, frames):
    """Yields ("begins" or "ends", seconds) as soon as it is known. The session on the server keeps
    the state of the model and the end of the last frame; so each step sends only what is new."""
    stream = example.Stream(channel)
    session_id = stream.do(open=session_pb2.OpenSessionRequest(model=model)).session_id
    is_speaking, num_silent = False, 0
    for i, frame in enumerate(frames):
        tensor = example.to_tensor(frame[None] / 32768)  # [time 1, 512], from -1 to 1
        step = session_pb2.StepRequest(session_id=session_id, input=tensor)
        probability = example.to_array(stream.do(step=step).output).item()
        num_silent = num_silent + 1 if probability < ENDS else 0
        if not is_speaking and probability >= BEGINS:
            is_speaking = True
            yield "begins", i * FRAME / RATE
        elif is_speaking and num_silent == SILENT_FRAMES:
            is_speaking = False
            yield "ends", (i + 1 - SILENT_FRAMES) * FRAME / RATE
    stream.close()
    if is_speaking:
        yield "ends", (i + 1) * FRAME / RATE


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="localhost:50051")
    parser.add_argument("--model", default="silero_vad")
    parser.add_argument("file", nargs="?", help="a WAV file; default: the microphone")
    options = parser.parse_args()
    frames = file_frames(options.file) if options.file else microphone_frames()
    with grpc.insecure_channel(options.server) as channel, contextlib.suppress(KeyboardInterrupt):
        for what, seconds in speech(channel, options.model, frames):
            print(f"{seconds:7.2f} s  speech {what}", flush=True)


if __name__ == "__main__":
    main()
