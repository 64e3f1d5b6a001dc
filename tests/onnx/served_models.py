# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The models of models.py, imported and served by the real programs, beside ONNX Runtime.

Each model gets a few sessions, which are all fed at the same time on one stream, in parts of random
lengths, so that rows of several sessions are computed together.
"""

import pathlib
import subprocess
import sys

import agreement
import models
import numpy as np
import onnx

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

from server import ModelClient, Server  # noqa: E402  (found by the path above)

SESSIONS_MAX = 6
PART_MAX = 40


class Call:
    """What server.ModelClient calls a call: inputs [batch, time, ...] and where they are cut."""

    initial_states = None
    masks = None

    def __init__(self, inputs, random):
        self.inputs = inputs
        self.batch, time = inputs[0].shape[:2]
        self.cuts = [_random_cuts(time, random) for _ in range(self.batch)]


def _random_cuts(time, random):
    cuts = []
    while time:
        cuts.append(min(time, int(random.integers(1, PART_MAX + 1))))
        time -= cuts[-1]
    return cuts


def import_models(programs, folder, protos):
    """Imports {model: proto} below `folder`. Returns {model: what is wrong}."""
    wrong = {}
    (folder / "models").mkdir(parents=True)
    for i, (model, proto) in enumerate(protos.items()):
        file = folder / f"{i}.onnx"
        onnx.save(proto, file)
        bundle = folder / "models" / f"model{i}"
        command = [programs / "rnnserve-import", file, bundle, *model.flags]
        for name, value in model.fixed.items():
            command += ["--set", f"{name}={value}"]
        result = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=120, check=False
        )
        if result.returncode != 0:
            wrong[model] = result.stderr.strip() or f"code {result.returncode}"
    return wrong


def compare(client, model, proto, random):
    """Returns (what is wrong, largest error)."""
    batch = int(random.integers(2, SESSIONS_MAX + 1))
    frames = [models.random_frames(model, models.STEPS, random) for _ in range(batch)]
    names = [value.name for value in proto.graph.input if value.name in model.frames]
    inputs = [np.stack([[step[name][0] for step in row] for row in frames]) for name in names]
    results = [value.name for value in proto.graph.output]
    results = [name for name in results if name not in model.states.values()]
    outputs, _ = client.chunks(Call(inputs, random))
    largest = 0.0
    for row in range(batch):
        reference = models.Reference(proto, model)
        expected = [reference.step(step) for step in frames[row]]
        begin = 0
        for end, parts in outputs[row]:
            for name, part in zip(results, parts, strict=True):
                for step, ours in enumerate(part, begin):
                    theirs = np.ravel(expected[step][name])
                    ours = np.ravel(ours)
                    text = agreement.difference(ours, theirs, *models.tolerance(theirs))
                    if text:
                        return f"row {row}, step {step}, output '{name}': {text}", largest
                    largest = max(largest, float(np.abs(ours - theirs).max()))
            begin = end
    return "", largest


def run(programs, folder, files, random):
    """Yields (model, what is wrong, largest error) for every model whose file is below `files`."""
    protos = {model: models.load(model, files) for model in models.MODELS}
    protos = {model: proto for model, proto in protos.items() if proto is not None}
    wrong = import_models(programs, folder, protos)
    with Server(programs, folder, has_plugin=False) as server:
        for i, (model, proto) in enumerate(protos.items()):
            if model in wrong:
                yield model, wrong[model], 0.0
                continue
            try:
                text, largest = compare(ModelClient(server, f"model{i}"), model, proto, random)
            except Exception as error:  # Of the call; the others go on.
                text, largest = f"{type(error).__name__}: {error}", 0.0
            yield model, text, largest
