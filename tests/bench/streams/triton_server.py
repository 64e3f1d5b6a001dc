# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Triton with its sequence batcher, serving a Silero VAD file.

usage: triton_server.py --model FILE.onnx --address-file FILE

The server program comes from PyTriton's wheel, which only has the Python backend (triton_model.py).
It listens on 127.0.0.1 and ends with SIGTERM.
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "serve/triton_peer"))
import server  # noqa: E402  (found by the path above)
from batched_model import to_batched  # noqa: E402

NAME = "silero_vad"


def write_model(onnx, repository):
    server.make_model_folder(
        repository, NAME, (HERE / "triton_config.pbtxt").read_text(),
        {"model.py": (HERE / "triton_model.py").read_bytes(),
         "batched_model.py": (HERE / "batched_model.py").read_bytes(),
         "model.onnx": to_batched(onnx)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--address-file", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_model(options.model, folder / "models")
        server.serve(folder, options.address_file)


if __name__ == "__main__":
    main()
