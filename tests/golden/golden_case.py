# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A golden: one model file, and the calls whose results are recorded next to it."""

import dataclasses
import json
import zipfile
import zlib

import numpy as np

from reference import is_recurrent, keras, run, state_names, zero_states


@dataclasses.dataclass
class Call:
    """One recorded call of a model; `suffix` names its file: case.json or case-<suffix>.json."""

    inputs: np.ndarray
    suffix: str = ""
    about: str = ""
    mask: np.ndarray | None = None
    # True: random states for every recurrent layer. Or {layer name: flat list of arrays}.
    initial_states: bool | dict = False
    # The expected outputs, or None if only Keras defines them.
    expected: np.ndarray | None = None
    # Final states {layer name: flat list of arrays} of another framework. If given, its states and
    # outputs are recorded instead of those of Keras, which must agree within the tolerance.
    expected_states: dict | None = None


@dataclasses.dataclass
class Golden:
    """One folder of cases/: a Sequential model and its calls."""

    name: str
    about: str
    layers: list
    calls: list
    input_shape: tuple = (None, 3)
    batch_size: int | None = None
    dtype: str = "float32"
    # Whether the model keeps the weights of the layers' own initializers.
    keep_weights: bool = False
    # The weights to use, in the order of the model's weights.
    weights: list | None = None
    # Whether the file is packed again with DEFLATE, to a fifth of its size. If not, it stays as
    # Keras wrote it.
    deflate: bool = True

    def random(self, what):
        """Returns this golden's own generator, so that a new golden changes no number here."""
        return np.random.default_rng(zlib.crc32(f"{self.name}/{what}".encode()))

    def build(self):
        entry = keras.Input(
            self.input_shape, batch_size=self.batch_size, dtype=self.dtype, name="inputs"
        )
        model = keras.Sequential([entry, *self.layers], name=self.name)
        if self.weights is not None:
            model.set_weights(self.weights)
        elif not self.keep_weights:
            random = self.random("weights")
            model.set_weights([random.normal(0.0, 0.5, w.shape) for w in model.weights])
        return model


def write(golden, folder):
    """Saves the model and one JSON file for each call."""
    model = golden.build()
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.keras", golden.deflate)
    for call in golden.calls:
        states = call.initial_states
        if states is True:
            random = golden.random(f"states{call.suffix}")
            states = random_states(model, len(call.inputs), random)
        outputs, final_states = run(model, call.inputs, call.mask, states or None)
        if call.expected is not None:
            np.testing.assert_allclose(outputs[0], call.expected, rtol=1e-5, atol=1e-6)
        if call.expected_states is not None:
            for name, values in call.expected_states.items():
                for ours, theirs in zip(final_states[name], values, strict=True):
                    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
            outputs, final_states = [call.expected], call.expected_states
        about = f"{golden.about}; {call.about}" if call.about else golden.about
        case = {"about": about, "inputs": tensor_json(call.inputs)}
        if call.mask is not None:
            case["mask"] = tensor_json(call.mask)
        if states:
            case["initial_state"] = states_json(model, states)
        case["outputs"] = tensor_json(outputs[0])
        if len(outputs) == 2:  # merge_mode=None
            case["backward_outputs"] = tensor_json(outputs[1])
        if final_states:
            case["states"] = states_json(model, final_states)
        write_json(case, folder / file_name(call.suffix))


def save(model, path, deflate):
    model.save(path)
    if deflate:
        pack(path)


def pack(path):
    """Compresses the members of a .keras file, which Keras only stores."""
    with zipfile.ZipFile(path) as stored:
        members = [(name, stored.read(name)) for name in stored.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, data in members:
            packed.writestr(name, data)


def file_name(suffix):
    return f"case-{suffix}.json" if suffix else "case.json"


def random_states(model, batch_size, random):
    """Returns states for every recurrent layer, with three decimals."""
    return {
        layer.name: [
            random.normal(0.0, 0.5, state.shape).round(3).astype(np.float32)
            for state in keras.tree.flatten(zero_states(layer, batch_size))
        ]
        for layer in model.layers
        if is_recurrent(layer)
    }


def states_json(model, states):
    return [
        {"layer": layer.name, "name": name, **tensor_json(value)}
        for layer in model.layers
        if layer.name in states
        for name, value in zip(state_names(layer), states[layer.name], strict=True)
    ]


def tensor_json(array):
    """Returns shape and row-major values, and the dtype unless the place implies it."""
    array = np.asarray(array)
    if array.dtype == bool:
        return {"shape": list(array.shape), "data": array.astype(int).ravel().tolist()}
    if array.dtype == np.int32:
        return {"shape": list(array.shape), "dtype": "int32", "data": array.ravel().tolist()}
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(f"only finite float32, int32 and bool are recorded, not {array.dtype}")
    # str() of a float32 has the fewest digits that read back as the same float32.
    data = [float(str(value)) for value in array.ravel()]
    return {"shape": list(array.shape), "dtype": "float32", "data": data}


def write_json(case, path):
    """Returns JSON with one line for each tensor, so that a diff shows where a change is."""
    lines = []
    for key, value in case.items():
        if isinstance(value, list):
            items = ",\n".join("    " + json.dumps(item, separators=(",", ":")) for item in value)
            lines.append(f'  "{key}": [\n{items}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value, separators=(",", ":"))}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read_tensor(tensor, dtype=None):
    return np.array(tensor["data"], dtype or tensor["dtype"]).reshape(tensor["shape"])


def check(folder):
    """Recomputes every case of a committed folder; returns the number of cases."""
    model = keras.saving.load_model(folder / "model.keras")
    paths = sorted(folder.glob("case*.json"))
    for path in paths:
        case = json.loads(path.read_text())
        mask = read_tensor(case["mask"], bool) if "mask" in case else None
        states = {}
        for state in case.get("initial_state", []):
            states.setdefault(state["layer"], []).append(read_tensor(state))
        outputs, final_states = run(model, read_tensor(case["inputs"]), mask, states or None)
        keys = ["outputs", "backward_outputs"][: len(outputs)]
        committed = [case[key] for key in keys] + case.get("states", [])
        computed = outputs + [state for layer in final_states.values() for state in layer]
        for tensor, value in zip(committed, computed, strict=True):
            np.testing.assert_allclose(
                value, read_tensor(tensor), rtol=2e-6, atol=2e-6, err_msg=str(path)
            )
    return len(paths)
