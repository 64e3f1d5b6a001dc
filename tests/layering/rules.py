# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The rules for which folder may use which: the arrows of ARCHITECTURE.md for a program to check.

A folder may include its own headers, those of the folders in `folders`, and those of the libraries
in `libraries`. Anything else is a breach, even a new library.
"""

import re
from dataclasses import dataclass

# Each folder of core may use the folders before it.
_CORE = ["base", "kernels", "keras", "program", "cells", "layers", "model", "snapshot", "session",
         "checkpoint", "batching", "engine"]


@dataclass(frozen=True)
class Rule:
    folders: frozenset
    libraries: frozenset


def _core(name: str, libraries: str) -> Rule:
    before = _CORE[: _CORE.index(name)]
    return Rule(frozenset(f"core/{folder}" for folder in before), frozenset(libraries.split()))


RULES = {
    "core/base": _core("base", "std absl crypto"),
    "core/kernels": _core("kernels", "std absl eigen simd"),
    # This folder knows how Keras describes a model. Cells and layers read their options and weights
    # from it.
    "core/keras": _core("keras", "std absl eigen json"),
    "core/program": _core("program", "std absl eigen json"),
    "core/cells": _core("cells", "std absl eigen json posix"),
    "core/layers": _core("layers", "std absl eigen json"),
    "core/model": _core("model", "std absl eigen json posix"),
    # This folder turns sessions into bytes and defines the store for them. It knows floats and
    # names, but neither sessions nor models.
    "core/snapshot": Rule(frozenset({"core/base"}), frozenset("std absl crypto".split())),
    "core/session": _core("session", "std absl posix"),
    "core/checkpoint": _core("checkpoint", "std absl"),
    "core/batching": _core("batching", "std absl"),
    "core/engine": _core("engine", "std absl"),
    # Linked only into the program rnnserve-import: no other folder may use it.
    "core/import": Rule(
        frozenset({"core/base", "core/kernels", "core/keras", "core/program", "core/cells", "core/layers",
                   "core/model"}),
        frozenset("std absl json zip hdf5 onnx protobuf posix cli".split()),
    ),
    # The server uses the engine and the value types in the engine's interface; the registries,
    # which it fills from plug-ins; and the kernels, whose instruction set it chooses.
    "server": Rule(
        frozenset({"core/base", "core/kernels", "core/keras", "core/cells", "core/layers", "core/model",
                   "core/snapshot", "core/session", "core/checkpoint", "core/engine", "proto",
                   "server/redis"}),
        frozenset("std absl grpc protobuf prometheus http log json cli posix".split()),
    ),
    # The only folder that uses Redis. It uses neither gRPC nor the engine.
    "server/redis": Rule(
        frozenset({"core/base", "core/snapshot"}),
        frozenset("std absl posix redis".split()),
    ),
    # `crypto` is for the digests by which a resumed session compares its outputs.
    "client": Rule(
        frozenset({"proto", "client/load"}),
        frozenset("std absl grpc protobuf http json cli posix crypto".split()),
    ),
    # Reaches a server only through the client library, and has no command line.
    "client/load": Rule(
        frozenset({"proto", "client"}),
        frozenset("std absl json posix".split()),
    ),
}

# The library that an include belongs to, by the first pattern that matches.
LIBRARY_OF_INCLUDE = [
    (re.compile(pattern), library)
    for pattern, library in [
        (r"absl/", "absl"),
        (r"Eigen/", "eigen"),
        (r"hwy/|((imm|xmm)intrin|cpuid)\.h$", "simd"),
        (r"grpc(pp)?/", "grpc"),
        (r"google/protobuf/", "protobuf"),
        (r"onnx/onnx\.pb\.h$", "onnx"),
        (r"prometheus/", "prometheus"),
        (r"httplib\.h$", "http"),
        (r"spdlog/", "log"),
        (r"nlohmann/", "json"),
        (r"CLI/", "cli"),
        (r"zip\.h$", "zip"),
        (r"(hdf5|H5\w*)\.h$", "hdf5"),
        (r"openssl/", "crypto"),
        (r"hiredis/", "redis"),
        (r"(dlfcn|fcntl|poll|pthread|signal|spawn|stdlib|termios|unistd)\.h$|sys/", "posix"),
        (r"[a-z_0-9]+$", "std"),
    ]
]

# The library that a linked target belongs to, by the first pattern that matches.
LIBRARY_OF_TARGET = [
    (re.compile(pattern), library)
    for pattern, library in [
        (r"absl::", "absl"),
        (r"Eigen3::", "eigen"),
        (r"hwy::", "simd"),
        (r"gRPC::", "grpc"),
        (r"protobuf::", "protobuf"),
        (r"prometheus-cpp::", "prometheus"),
        (r"httplib::|.*cpp-?httplib", "http"),
        (r"spdlog::", "log"),
        (r"nlohmann_json::", "json"),
        (r"CLI11::", "cli"),
        (r"libzip::|PkgConfig::LIBZIP", "zip"),
        (r"HDF5::|PkgConfig::HDF5", "hdf5"),
        (r"OpenSSL::", "crypto"),
        (r"PkgConfig::HIREDIS", "redis"),
        (r"Threads::|ZLIB::|pthread$|dl$", "std"),
    ]
]

# The libraries that a folder must not reach, even through the headers that it includes.
UNREACHABLE = {
    "core/kernels": (
        re.compile(r"absl/(status|synchronization)/|(mutex|shared_mutex|thread|condition_variable)$"),
        "kernels know no Status and no locks",
    ),
}

# Folders that are private to the folder that contains them. No other folder of core, and neither
# server nor client, may include their headers; nor may the headers at the top of the owner, which
# others include. Tests may.
PRIVATE_FOLDERS = [
    (re.compile(r"core/engine/\w+/"), "core/engine"),
    # Code outside core/layers gets a built-in layer from the registry.
    (re.compile(r"core/layers/builtin/"), "core/layers"),
]

# The folders inside core/engine. Each may use those before it, so that there is no cycle.
ENGINE_FOLDERS = ["checks", "hosting", "sessions", "infer", "step", "reset"]

# Time is passed in as a Clock: nothing else in these folders reads the time or sleeps. The log writes
# the time of day for its readers; nothing depends on it.
TIMELESS_FOLDERS = ("core/", "server/")
TIME_SOURCES = ("core/base/clock.cc", "server/log.cc", "server/main.cc")
TIME_CALL = re.compile(r"absl::Now\(|::now\(\)|\bSleepFor\(|\bsleep_(for|until)\(|\bu?sleep\(")

# Files without a licence line: formats without comments, and files that are not ours.
UNLICENSED_SUFFIXES = (
    ".csv", ".json", ".jsonl", ".keras", ".md", ".npy", ".npz", ".png", ".safetensors", ".h5", ".svg", ".LICENSE",
)
UNLICENSED_FILES = ("LICENSE", ".gitignore")
UNLICENSED_FOLDERS = ("proto/google/", "tests/fuzz/corpus/")

# Folders that are not part of the tree.
SKIPPED_FOLDERS = {".git", ".cache", ".venv", "__pycache__", "build", "node_modules"}
