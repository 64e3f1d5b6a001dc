# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of the corpus that come from files in the tree.

Usage: make_corpus.py RNNSERVE_IMPORT, after `pip install h5py==3.12.1`. It writes

    program_fuzz    the operations of core/program/numpy_cases.json, a dozen in each program
    onnx_fuzz       some cells of tests/onnx/exported
    keras_fuzz      the parts of some models of tests/golden
    bundle_fuzz     what rnnserve-import makes of some models
    snapshot_fuzz   the snapshots of core/snapshot/golden
    file_format_fuzz, safetensors_fuzz   small files of some formats

The other files are written by hand, or were found by a target: a file that made a fault stays in the
corpus under a name that says what was wrong.
"""

import io
import json
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT / "tests/fuzz/corpus"
CASES_IN_A_PROGRAM = 12

BUNDLES = ["activation_layers_0", "batch_normalization_0", "bidirectional_chain_0",
           "conv1d_causal_0", "conv_lstm_2d_0", "crop_and_pad_0", "dot_0", "embedding_mask_0",
           "encoder_decoder_0", "global_pooling_0", "multi_output_0", "nested_models_0",
           "stacked_cells_0", "states_as_inputs_0", "time_distributed_0", "vector_normalizations_0"]
KERAS = ["bidirectional_0", "encoder_decoder_0", "nested_models_0", "stacked_cells_0"]
ONNX = ["keras_gru", "torch_causal_convolution", "torch_lstm", "torch_rnn_cell"]


def write_json(folder: str, name: str, value) -> None:
    path = CORPUS / folder / f"{name}.json"
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def make_programs() -> None:
    cases = json.loads((ROOT / "tests/core/program/golden/numpy_cases.json").read_text())
    cases = [case for case in cases if sum(len(x["values"]) for x in case["operands"]) <= 100]
    for first in range(0, len(cases), CASES_IN_A_PROGRAM):
        name = f"numpy_cases_{first // CASES_IN_A_PROGRAM:02}"
        write_json("program_fuzz", name, program_of(cases[first:first + CASES_IN_A_PROGRAM]))


def program_of(cases: list) -> dict:
    """Returns a program with the operations of these cases and a state that counts its steps."""
    program = {"program_version": 1, "inputs": [{"name": "unused", "shape": []}],
               "states": [{"name": "count", "shape": [], "next": "count_next"}], "literals": {},
               "operations": [{"op": "add", "in": ["count", 1.0], "out": "count_next"}],
               "outputs": [{"name": "count", "value": "count_next"}]}
    for number, case in enumerate(cases):
        operation = dict(case["attributes"], op=case["op"], out=[])
        operation["in"] = []
        for i, operand in enumerate(case["operands"]):
            name = f"x{number}_{i}"
            operation["in"].append(name)
            if operand["type"] == "float32":
                program["inputs"].append({"name": name, "shape": operand["shape"]})
            else:
                program["literals"][name] = operand
        for i, result in enumerate(case["results"]):
            operation["out"].append(f"y{number}_{i}")
            program["outputs"].append({"name": f"y{number}_{i}", "value": f"y{number}_{i}"})
        program["operations"].append(operation)
    return program


def parts_of(metadata: dict, config: dict, weights: h5py.File) -> dict:
    """Returns the input of keras_fuzz.cc for a model."""
    parts = {"metadata": metadata, "config": config, "datasets": {}, "owners": {}, "strings": {}}

    def visit(path: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            parts["datasets"][path] = list(item.shape)
            return
        for name, value in item.attrs.items():
            if name == "name":
                parts["owners"][path] = str(value)
            elif name in ("layer_names", "weight_names"):
                parts["strings"].setdefault(path, {})[name] = [
                    text.decode() if isinstance(text, bytes) else str(text) for text in value]

    weights.visititems(visit)
    return parts


def make_keras() -> None:
    for name in KERAS:
        with zipfile.ZipFile(ROOT / f"tests/golden/conformance/{name}/model.keras") as archive:
            with archive.open("model.weights.h5") as file, h5py.File(file) as weights:
                write_json("keras_fuzz", name, parts_of(json.loads(archive.read("metadata.json")),
                                                        json.loads(archive.read("config.json")),
                                                        weights))
    for name in ("nested", "sequential"):
        with h5py.File(ROOT / f"tests/core/import/data/{name}.h5") as weights:
            config = json.loads(weights.attrs["model_config"])
            write_json("keras_fuzz", f"keras2_{name}",
                       parts_of({"keras_version": "2.15.0"}, config, weights))


def make_bundles(importer: str) -> None:
    models = {name: ROOT / f"tests/golden/conformance/{name}/model.keras" for name in BUNDLES}
    models |= {name: ROOT / f"tests/onnx/exported/{name}.onnx" for name in ONNX}
    for name, model in models.items():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([importer, model, f"{folder}/bundle"], check=True,
                           stdout=subprocess.DEVNULL)
            text = Path(folder, "bundle/model.json").read_text()
        write_json("bundle_fuzz", name, json.loads(text))


def zip_of(entries: dict, method: int) -> bytes:
    """Returns a zip of these files, always the same."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def make_files() -> None:
    keras = {"metadata.json": "{}", "config.json": "{}" * 40, "model.weights.h5": "w" * 200,
             "assets/": ""}
    torch = {"archive/data.pkl": pickle.dumps([1.5]), "archive/code/x.py": ""}
    files = {"keras_stored": zip_of(keras, zipfile.ZIP_STORED),
             "keras_deflated": zip_of(keras, zipfile.ZIP_DEFLATED),
             "torch": zip_of(torch, zipfile.ZIP_STORED),
             "pickle": pickle.dumps({"weight": [1, 2]}, protocol=2),
             "gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 1),
             "tflite": struct.pack("<I", 28) + b"TFL3" + bytes(24),
             "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(40),
             "tar": b"model/".ljust(257, b"\0") + b"ustar\00000".ljust(255, b"\0"),
             "html": b"<!DOCTYPE html><html></html>",
             "json": b'{"format": "layers-model", "modelTopology": {}}',
             "saved_model": bytes([8, 1, 18, 4, 10, 2, 34, 0])}
    for name, content in files.items():
        (CORPUS / "file_format_fuzz" / f"{name}.bin").write_bytes(content)


def make_safetensors() -> None:
    header = {"__metadata__": {"format": "pt"},
              "kernel": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
              "bias": {"dtype": "F32", "shape": [3], "data_offsets": [24, 36]},
              "empty": {"dtype": "F32", "shape": [0], "data_offsets": [36, 36]}}
    text = json.dumps(header).encode()
    data = struct.pack("<9f", *range(9))
    (CORPUS / "safetensors_fuzz" / "two.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + data)
    (CORPUS / "safetensors_fuzz" / "none.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


def copy(folder: str, files: list) -> None:
    for file in files:
        shutil.copy(file, CORPUS / folder / file.name)


def main() -> None:
    make_programs()
    make_keras()
    make_bundles(sys.argv[1])
    make_files()
    make_safetensors()
    copy("onnx_fuzz", [ROOT / f"tests/onnx/exported/{name}.onnx" for name in ONNX])
    copy("snapshot_fuzz", sorted((ROOT / "tests/core/snapshot/golden").glob("*.snapshot")))


if __name__ == "__main__":
    main()
