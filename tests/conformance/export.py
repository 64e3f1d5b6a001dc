# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny cases of every feature as goldens, which are tested without Keras.

tests/golden/README.md describes the files. The generators make the cases with sizes of at most 5,
so the models differ from those of a run.
"""

import shutil

import calls
import golden_case
import numpy as np
from feature import FLOAT32, INFER, REGISTRY
from worker import make_sample

MODELS_OF_A_FEATURE = 2
CALLS_OF_A_MODEL = 3


def export(folder, seed, only=None):
    """Replaces the folder, or the models of some features in it. Returns the number of cases."""
    features = [name.partition("/")[0] for name in only or REGISTRY]
    if not only:
        shutil.rmtree(folder, ignore_errors=True)
    count = 0
    # Random results cannot be such goldens; tests/golden/training has goldens for them.
    features = [name for name in features if not REGISTRY[name].tolerance.standard_errors]
    for name in features:
        for number in range(MODELS_OF_A_FEATURE):
            count += _export_model(folder / f"{name}_{number}", seed, name, number)
    return count


def _export_model(folder, seed, feature, number):
    sample = make_sample(seed, feature, number, tiny=True)
    sample.kinds = (INFER,)
    tolerance = REGISTRY[feature].tolerance
    name = (seed, feature, number)
    made = calls.make(sample, name, tolerance, CALLS_OF_A_MODEL, tiny=True)
    # The server reports a result that is not finite as an error, which a golden cannot hold.
    made = [call for call in made if all(np.isfinite(value).all() for value in call.outputs)]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / f"model.{sample.file_format}"
    sample.save(path)
    if sample.file_format == "keras":
        golden_case.pack(path)
    for i, call in enumerate(made):
        about = f"{REGISTRY[feature].title}: {call.describe()}"
        case = _case(sample, call, about, tolerance)
        golden_case.write_json(case, folder / f"case-{i}.json")
    return len(made)


def _case(sample, call, about, tolerance):
    names = [entry._keras_history.operation.name for entry in sample.model.inputs]
    masks = call.masks or [None] * len(names)
    inputs = [
        {"name": name, **golden_case.tensor_json(value), **_mask_json(mask)}
        for name, value, mask in zip(names, call.inputs, masks, strict=True)
    ]
    case = {"about": about}
    if tolerance != FLOAT32:
        case["tolerance"] = {"absolute": tolerance.absolute, "relative": tolerance.relative}
    case["inputs"] = inputs
    if call.initial_states is not None:
        case["initial_state"] = _states_json(call.initial_states)
    case["outputs"] = [golden_case.tensor_json(_single(value)) for value in call.outputs]
    if call.states:
        case["states"] = _states_json(call.states)
    return case


def _mask_json(mask):
    return {} if mask is None else {"mask": golden_case.tensor_json(mask)}


def _states_json(states):
    return [
        {"layer": layer, "name": name, **golden_case.tensor_json(_single(value))}
        for (layer, name), value in states.items()
    ]


def _single(value):
    return np.asarray(value).astype(np.float32)
