# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Live streams with ONNX Runtime in the same process: a session of states for each, one thread.

usage: in_process.py --model FILE.onnx --streams N --seconds S [--warm-up-seconds S] [--seed N]

Nothing is sent anywhere: each frame is computed when it is due, or as soon as those before it are
done. Prints the JSON that `rnnctl bench --json` prints, as far as the bench reads it.
"""

import argparse
import json
import time

import numpy as np
import onnxruntime
from live_streams import arrivals

FRAME, CONTEXT, UNITS = 512, 64, 128


class Stream:
    """The states of one stream, and the end of its last frame."""

    def __init__(self):
        self._x = np.zeros((1, CONTEXT + FRAME), np.float32)
        self._h = self._c = np.zeros((1, 1, UNITS), np.float32)

    def step(self, session, frame):
        self._x[0, :CONTEXT] = self._x[0, -CONTEXT:]
        self._x[0, CONTEXT:] = frame
        probability, self._h, self._c = session.run(
            ["speech_probs", "hn", "cn"], {"input": self._x, "h": self._h, "c": self._c})
        return probability


def wait_until(due):
    while (left := due - time.perf_counter()) > 0:
        if left > 0.0003:  # A sleep takes some 60 us longer.
            time.sleep(left - 0.0002)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm-up-seconds", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3  # Without warnings about unused weights.
    session = onnxruntime.InferenceSession(options.model, settings,
                                           providers=["CPUExecutionProvider"])
    frames = np.random.default_rng(1).uniform(-1, 1, (256, FRAME)).astype(np.float32)
    streams = [Stream() for _ in range(options.streams)]
    streams[0].step(session, frames[0])  # The first run prepares the model.
    latencies = []
    begin = time.perf_counter()
    seconds = options.warm_up_seconds + options.seconds
    for i, offset in enumerate(arrivals(options.streams, seconds, options.seed)):
        wait_until(begin + offset)
        streams[i % options.streams].step(session, frames[i % len(frames)])
        done = time.perf_counter()
        if offset >= options.warm_up_seconds:
            latencies.append(done - begin - offset)
        if done - begin > 2 * seconds:  # Hopelessly late.
            break
    p50, p99 = np.quantile(latencies or [np.inf], [0.5, 0.99]) * 1e6
    load = {"latencies": {"p50_us": p50, "p99_us": p99}, "failed_steps": 0, "keeping_up": True}
    print(json.dumps({"loads": [load]}))


if __name__ == "__main__":
    main()
