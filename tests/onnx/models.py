# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Public models with states, and some made here, beside ONNX Runtime over 200 steps."""

import dataclasses
import pathlib

import agreement
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from runner import Task

STEPS = 200
EXPORTED = pathlib.Path(__file__).resolve().parent / "exported"


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A file, its inputs at each step, and the pairs of its states."""

    name: str
    file: str  # the end of its path below the folder of models
    frames: dict  # {input: shape with a batch of 1}
    states: dict  # {input: output}
    fixed: dict = dataclasses.field(default_factory=dict)  # {input: a number}
    scale: float = 0.1  # of the random numbers in the frames
    # A frame holds the magnitudes of a spectrum. On negative numbers, which it never sees, DTLN's
    # results change by 1e-5 with a rounding error: ONNX Runtime's are as far from those in float64.
    has_magnitudes: bool = False
    flags: tuple = ()  # for rnnserve-import, beside those for the fixed inputs


_FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras"}
_STATE = {"state": "stateN"}
_H_C = {"h": "hn", "c": "cn"}

MODELS = (
    Model("Silero VAD v6, faster-whisper", "assets/silero_vad_v6.onnx", {"input": (1, 576)}, _H_C,
          flags=("--set", "seq_len=1")),
    Model("Silero VAD v6, without If, 16 kHz", "data/silero_vad_op18_ifless.onnx",
          {"input": (1, 576)}, _STATE, {"sr": 16000}, flags=("--set", "sequence=576")),
    Model("Silero VAD v6, without If, 8 kHz", "data/silero_vad_op18_ifless.onnx",
          {"input": (1, 288)}, _STATE, {"sr": 8000}, flags=("--set", "sequence=288")),
    Model("Silero VAD v6, 16 kHz", "data/silero_vad.onnx", {"input": (1, 576)}, _STATE,
          {"sr": 16000}, flags=("--shape", "input=1,576")),
    Model("Silero VAD v6, 8 kHz", "data/silero_vad.onnx", {"input": (1, 288)}, _STATE,
          {"sr": 8000}, flags=("--shape", "input=1,288")),
    Model("Silero VAD v4, 16 kHz", "dist/silero_vad_legacy.onnx", {"input": (1, 512)}, _H_C,
          {"sr": 16000}, flags=("--set", "sequence=512")),
    Model("Silero VAD v4, 8 kHz", "dist/silero_vad_legacy.onnx", {"input": (1, 256)}, _H_C,
          {"sr": 8000}, flags=("--set", "sequence=256")),
    Model("DTLN, stage 1", "dtln/models/model_1.onnx", {"input_2": (1, 1, 257)},
          {"input_3": "tf_op_layer_stack_2"}, scale=1.0, has_magnitudes=True,
          flags=("--state", "input_3=tf_op_layer_stack_2")),
    Model("DTLN, stage 2", "dtln/models/model_2.onnx", {"input_4": (1, 1, 512)},
          {"input_5": "tf_op_layer_stack_5"}, flags=("--state", "input_5=tf_op_layer_stack_5")),
    Model("RL policy", "", {"obs": (1, 48)}, {"h_in": "h_out", "c_in": "c_out"}, scale=1.0),
)  # fmt: skip


def _exported(path):
    """The model in a file of export_torch.py or export_keras.py: the next value of h is h_out."""
    inputs = [value.name for value in onnx.load(path).graph.input]
    states = {name: f"{name}_out" for name in inputs if name != "x"}
    framework, _, title = path.stem.partition("_")
    title = f"{_FRAMEWORKS[framework]}: {title.replace('_', ' ')}"
    return Model(title, path.name, {"x": (1, 5)}, states, scale=1.0)


MODELS += tuple(_exported(path) for path in sorted(EXPORTED.glob("*.onnx")))


def load(model, folder):
    """Returns the onnx.ModelProto, or None if the folder does not have the file."""
    if not model.file:
        return policy(np.random.default_rng(7))
    paths = sorted([*EXPORTED.glob(model.file), *folder.rglob(model.file)])
    return onnx.load(paths[0]) if paths else None


def policy(random):
    """A recurrent policy with the names that rsl_rl gives to inputs and outputs."""
    observations, hidden, actions = 48, 256, 12

    def weight(name, *shape):
        values = random.normal(size=shape) / np.sqrt(shape[-1])
        return numpy_helper.from_array(values.astype(np.float32), name)

    nodes = [
        helper.make_node("Unsqueeze", ["obs", "zero"], ["sequence"]),
        helper.make_node("LSTM", ["sequence", "W", "R", "B", "", "h_in", "c_in"],
                         ["all", "h_out", "c_out"], hidden_size=hidden),
        helper.make_node("Squeeze", ["all", "zero_one"], ["memory"]),
        helper.make_node("Gemm", ["memory", "W1", "b1"], ["layer"], transB=1),
        helper.make_node("Elu", ["layer"], ["active"]),
        helper.make_node("Gemm", ["active", "W2", "b2"], ["actions"], transB=1),
    ]  # fmt: skip
    weights = [
        weight("W", 1, 4 * hidden, observations), weight("R", 1, 4 * hidden, hidden),
        weight("B", 1, 8 * hidden), weight("W1", 128, hidden), weight("b1", 128),
        weight("W2", actions, 128), weight("b2", actions),
        numpy_helper.from_array(np.array([0]), "zero"),
        numpy_helper.from_array(np.array([0, 1]), "zero_one"),
    ]  # fmt: skip

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [value("obs", "batch", observations)]
    inputs += [value(name, 1, "batch", hidden) for name in ("h_in", "c_in")]
    outputs = [value("actions", "batch", actions)]
    outputs += [value(name, 1, "batch", hidden) for name in ("h_out", "c_out")]
    graph = helper.make_graph(nodes, "policy", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def specialize(proto, model):
    """Returns the graph with a batch of 1, static shapes, and its fixed inputs as constants."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    for i, value in reversed(list(enumerate(fixed.graph.input))):
        if value.name in model.fixed:
            array = np.array(model.fixed[value.name], np.int64)
            fixed.graph.initializer.append(numpy_helper.from_array(array, value.name))
            del fixed.graph.input[i]
            continue
        extents = value.type.tensor_type.shape.dim
        for axis, extent in enumerate(extents):
            if value.name in model.frames:
                extent.dim_value = model.frames[value.name][axis]
            elif extent.dim_value == 0:
                extent.dim_value = 1
    return fixed


class Reference:
    """ONNX Runtime with the states of a batch of sessions."""

    def __init__(self, proto, model, batch=1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._model = model
        self._fixed = {name: np.array(value, np.int64) for name, value in model.fixed.items()}
        self.states = {}
        for value in self._session.get_inputs():
            if value.name in model.states:
                shape = [extent if isinstance(extent, int) and extent > 0 else batch
                         for extent in value.shape]  # fmt: skip
                self.states[value.name] = np.zeros(shape, np.float32)

    def step(self, frames):
        """Returns {output: array} for {input: array}."""
        names = [value.name for value in self._session.get_outputs()]
        values = self._session.run(names, {**frames, **self.states, **self._fixed})
        outputs = dict(zip(names, values, strict=True))
        for state, output in self._model.states.items():
            self.states[state] = outputs[output]
        return outputs


def random_frames(model, steps, random):
    """Noise that gets louder and quieter, like speech with pauses."""
    frames = []
    for step in range(steps):
        loudness = model.scale * (1.0 + np.sin(step / 9.0)) * random.uniform(0.2, 1.5)
        frame = {}
        for name, shape in model.frames.items():
            values = (loudness * random.normal(size=shape)).astype(np.float32)
            frame[name] = np.abs(values) if model.has_magnitudes else values
        frames.append(frame)
    return frames


def tolerance(expected):
    """1e-5 of the largest value of a tensor: small elements of a state are differences of large
    ones, and have their rounding errors."""
    return 2e-6 + 1e-5 * float(np.abs(expected).max(initial=0.0)), 0.0


def compare_programs(runner, model, proto, random):
    """Runs the graph as a program for STEPS steps. Returns (what is wrong, largest error)."""
    fixed = specialize(proto, model)
    frames = random_frames(model, STEPS, random)
    order = [value.name for value in fixed.graph.input if value.name in model.frames]
    executors = runner.run(Task(fixed, [[step[name] for name in order] for step in frames],
                                model.states))  # fmt: skip
    reference = Reference(proto, model)
    expected = [reference.step(step) for step in frames]
    names = [value.name for value in fixed.graph.output]
    largest = 0.0
    for outputs in executors:
        for step, (ours, theirs) in enumerate(zip(outputs, expected, strict=True)):
            for name, value in zip(names, ours, strict=True):
                text = agreement.difference(value, theirs[name], *tolerance(theirs[name]))
                if text:
                    return f"step {step}, output '{name}': {text}", largest
                largest = max(largest, float(np.abs(value - theirs[name]).max()))
    return "", largest


def compare_dtln(runner, folder, random):
    """Runs both stages of DTLN, one behind the other, on noise. Returns (what is wrong, largest
    error).

    A frame of 512 samples moves on by 128. Stage 1 makes a mask of the magnitudes of its spectrum,
    stage 2 works on the masked frame, and the frames are added up where they overlap.
    """
    stages = [model for model in MODELS if model.name.startswith("DTLN")]
    protos = [load(stage, folder) for stage in stages]
    signal = 0.1 * random.normal(size=128 * (STEPS + 3)).astype(np.float32)
    spectra = [np.fft.rfft(signal[128 * i : 128 * i + 512]) for i in range(STEPS)]

    def second_frames(masks):
        frames = [np.fft.irfft(spectrum * np.ravel(mask))
                  for spectrum, mask in zip(spectra, masks, strict=True)]  # fmt: skip
        return [frame.astype(np.float32).reshape(1, 1, 512) for frame in frames]

    def overlapped(frames):
        sound = np.zeros(len(signal))
        for i, frame in enumerate(frames):
            sound[128 * i : 128 * i + 512] += np.ravel(frame)
        return sound

    first = [np.abs(spectrum).astype(np.float32).reshape(1, 1, 257) for spectrum in spectra]
    references = [Reference(proto, stage) for proto, stage in zip(protos, stages, strict=True)]
    masks = [references[0].step({"input_2": frame})["activation_2"] for frame in first]
    expected = overlapped(
        references[1].step({"input_4": frame})["conv1d_3"] for frame in second_frames(masks)
    )
    graphs = [specialize(proto, stage) for proto, stage in zip(protos, stages, strict=True)]
    task = Task(graphs[0], [[frame] for frame in first], stages[0].states)
    largest = 0.0
    for outputs in runner.run(task):
        ours = second_frames([output[0] for output in outputs])
        task = Task(graphs[1], [[frame] for frame in ours], stages[1].states)
        for seconds in runner.run(task):
            sound = overlapped([output[0] for output in seconds])
            text = agreement.difference(sound, expected, *tolerance(expected))
            if text:
                return f"the sound: {text}", largest
            largest = max(largest, float(np.abs(sound - expected).max()))
    return "", largest
