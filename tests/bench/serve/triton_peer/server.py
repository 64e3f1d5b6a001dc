# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Triton with its sequence batcher, serving the LSTM of a bundle (../model_files.py).

usage: server.py --bundle FOLDER --address-file FILE

The server program comes from PyTriton's wheel, which only has the Python backend (model.py). It
listens on 127.0.0.1 and ends with SIGTERM.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile

import grpc

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import lstm_onnx  # noqa: E402  (found by the path above)

START_SECONDS = 60
PACKAGES = pathlib.Path(importlib.util.find_spec("pytriton").origin).parents[1]
TRITON = PACKAGES / "pytriton/tritonserver"


def write_model(bundle, repository):
    """Writes a model of the bundle's name in Triton's folder layout."""
    units, weights = lstm_onnx.read_bundle(bundle)
    config = string.Template((HERE / "config.pbtxt").read_text()).substitute(units=units)
    make_model_folder(repository, bundle.name, config,
                      {"model.py": (HERE / "model.py").read_bytes(),
                       "model.onnx": lstm_onnx.to_onnx(units, weights)})


def make_model_folder(repository, name, config, files):
    """Makes the folder of a model with its configuration and the files of its only version, which
    are given as bytes by name."""
    version = repository / name / "1"
    version.mkdir(parents=True)
    for file, contents in files.items():
        (version / file).write_bytes(contents)
    (version.parent / "config.pbtxt").write_text(config)


def write_backend(folder):
    """Copies the Python backend with the stub for this Python version, which the wheel keeps
    elsewhere."""
    shutil.copytree(TRITON / "backends/python", folder / "python")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(TRITON / f"python_backend_stubs/{version}/triton_python_backend_stub",
                folder / "python")
    (folder / "python/triton_python_backend_stub").chmod(0o755)


def free_port():
    """Returns a free port, because Triton cannot choose one itself."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serve(folder, address_file):
    """Serves the models in folder / "models" until SIGTERM."""
    write_backend(folder / "backends")
    program = TRITON / "bin/tritonserver"
    program.chmod(0o755)
    port = free_port()
    server = subprocess.Popen(
        [str(program), f"--model-repository={folder / 'models'}",
         f"--backend-directory={folder / 'backends'}", "--grpc-address=127.0.0.1",
         f"--grpc-port={port}", "--allow-http=false", "--allow-metrics=false"],
        env={**os.environ, "PYTHONPATH": str(PACKAGES),
             "LD_LIBRARY_PATH": str(PACKAGES / "nvidia_pytriton.libs")})
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    address = f"127.0.0.1:{port}"
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(START_SECONDS)
    address_file.write_text(json.dumps({"grpc": address}))
    server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--address-file", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_model(options.bundle, folder / "models")
        serve(folder, options.address_file)


if __name__ == "__main__":
    main()
