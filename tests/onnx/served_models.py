# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The models of models.py, imported and served by the real programs, beside ONNX Runtime.

Each model gets a few sessions, which are stepped in parts of random lengths and in each of three
ways: all at the same time on one stream, so that rows of several sessions are computed together; by
unary steps; and several with each message. Every output and the states at the end are compared.
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
PART_MAX = 40  # timesteps
# The ways to step, which are functions of ModelClient, with the longest part of each. Parts of few
# lengths let many sessions share a message.
WAYS = {"chunks": PART_MAX, "steps": PART_MAX, "step_sessions": 3}
# How much wider than for an output the tolerance is for a state after all steps. The state h of
# Silero VAD v4 that ONNX Runtime computes is up to 1.8 tolerances of an output away from the one in
# float64, and that of a program up to 2.8.
STATE_TOLERANCES = 10.0


class Call:
    """A call for server.ModelClient: inputs [batch, time, ...], and where they are cut."""

    initial_states = None
    masks = None

    def __init__(self, inputs, random, part_max=PART_MAX):
        self.inputs = inputs
        self.batch, time = inputs[0].shape[:2]
        self.cuts = [_random_cuts(time, random, part_max) for _ in range(self.batch)]


def _random_cuts(time, random, part_max):
    cuts = []
    while time:
        cuts.append(min(time, int(random.integers(1, part_max + 1))))
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
    references = [models.Reference(proto, model) for _ in frames]
    expected = [
        [reference.step(step) for step in row]
        for reference, row in zip(references, frames, strict=True)
    ]
    largest = 0.0
    for way, part_max in WAYS.items():
        outputs, states = getattr(client, way)(Call(inputs, random, part_max))
        for row in range(batch):
            text, error = _compare_outputs(model, proto, expected[row], outputs[row])
            text = text or _compare_states(references[row].states, states[row])
            if text:
                return f"{way}, row {row}, {text}", largest
            largest = max(largest, error)
    return "", largest


def _compare_outputs(model, proto, expected, parts_of_row):
    """Returns (what is wrong, largest error) of one row."""
    names = [value.name for value in proto.graph.output]
    names = [name for name in names if name not in model.states.values()]
    begin, largest = 0, 0.0
    for end, parts in parts_of_row:
        for name, part in zip(names, parts, strict=True):
            for step, ours in enumerate(part, begin):
                text, error = _difference(ours, expected[step][name])
                if text:
                    return f"step {step}, output '{name}': {text}", largest
                largest = max(largest, error)
        begin = end
    if begin != models.STEPS:
        return f"{begin} timesteps of {models.STEPS}", largest
    return "", largest


def _compare_states(expected, states):
    """Returns what is wrong with the states of one row after its last timestep."""
    ours = {name: value for (_, name), value in states.items()}
    if ours.keys() != expected.keys():
        return f"the states are {sorted(ours)}, not {sorted(expected)}"
    for name, theirs in expected.items():
        text, _ = _difference(ours[name], theirs, STATE_TOLERANCES)
        if text:
            return f"state '{name}' at the end: {text}"
    return ""


def _difference(ours, theirs, tolerances=1.0):
    ours, theirs = np.ravel(ours), np.ravel(theirs)
    absolute, relative = models.tolerance(theirs)
    text = agreement.difference(ours, theirs, tolerances * absolute, relative)
    return text, 0.0 if text else float(np.abs(ours - theirs).max(initial=0.0))


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
