# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Generates the plain gRPC stubs of rnnserve from proto/ and puts them on the import path."""

import contextlib
import hashlib
import importlib.metadata
import os
import pathlib
import sys
import tempfile

import grpc_tools
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def cache_folder():
    """Returns the folder of the cache: $RNNSERVE_CACHE, or .cache/rnnserve in the home folder."""
    default = pathlib.Path.home() / ".cache" / "rnnserve"
    return pathlib.Path(os.environ.get("RNNSERVE_CACHE") or default)


def generate():
    """Generates the stubs, once for each version of proto/, and makes them importable."""
    sources = sorted(PROTO.rglob("*.proto"))
    digest = hashlib.sha256(importlib.metadata.version("grpcio-tools").encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = cache_folder() / f"python-stubs-{digest.hexdigest()[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Renames the folder once it is complete. Other processes may be generating it at the same
        # time; the first one to rename wins.
        with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
            _run_protoc(sources, pathlib.Path(fresh) / "stubs")
            with contextlib.suppress(OSError):
                (pathlib.Path(fresh) / "stubs").rename(folder)
    sys.path.insert(0, str(folder))


def _run_protoc(sources, folder):
    folder.mkdir()
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}"]
    arguments += [f"--grpc_python_out={folder}", *(str(s.relative_to(PROTO)) for s in sources)]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc failed on {sources}")
