# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Generates the plain gRPC stubs of rnnserve from proto/ and puts them on the import path."""

import os
import pathlib
import sys

import grpc_tools
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def cache_folder():
    """The folder for what can be made again: $RNNSERVE_CACHE, or .cache/rnnserve at home."""
    default = pathlib.Path.home() / ".cache" / "rnnserve"
    return pathlib.Path(os.environ.get("RNNSERVE_CACHE") or default)


def generate(folder=None):
    """Generates the stubs into `folder` (default: in the cache), and makes them importable."""
    folder = pathlib.Path(folder) if folder else cache_folder() / "python-stubs"
    folder.mkdir(parents=True, exist_ok=True)
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}"]
    if protoc.main([*arguments, f"--grpc_python_out={folder}", *sources]) != 0:
        raise RuntimeError(f"protoc failed on {sources}")
    sys.path.insert(0, str(folder))
