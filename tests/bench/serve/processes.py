# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts the programs of a run on free ports of 127.0.0.1, and stops them by process id."""

import json
import math
import os
import pathlib
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "deploy/cluster"))
# E402: the line above adds its folder.
from process import Process  # noqa: E402

START_SECONDS = 60
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")


def on_core(core, command):
    """Returns a command that runs `command` on one core, or on all of them if `core` is None."""
    return command if core is None else ["taskset", "--cpu-list", str(core), *command]


class Server:
    """A server program that writes its addresses to a file. It ends with the `with` block."""

    def __init__(self, name, command, folder, core=None):
        self.name = name
        addresses, log = (pathlib.Path(folder) / f"{name}.{end}" for end in ("json", "log"))
        for file in (addresses, log):
            file.unlink(missing_ok=True)  # from an earlier server of that name
        self._process = Process(on_core(core, [*command, "--address-file", addresses]), log)
        try:
            self.addresses = self._process.await_addresses(addresses, START_SECONDS)
        except RuntimeError as error:
            raise SystemExit(str(error)) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stop(STOP_SECONDS)

    @property
    def grpc(self):
        return self.addresses["grpc"]

    def cpu_seconds(self):
        """Returns the processor time that the server has used, in seconds."""
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


NOTHING_ANSWERED = {"steps_per_second": 0.0, "failed_steps": math.nan}


def words_of(flags):
    """Returns options as words of a command line, with - for _. A True option has no value."""
    words = []
    for flag, value in flags.items():
        words.append(f"--{flag.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    return words


def run_load(rnnctl, server, may_fail=False, core=None, **flags):
    """Runs `rnnctl bench` once; flags are its options, with _ for -. Returns its JSON, or
    NOTHING_ANSWERED if no step was answered in time and the caller allows that."""
    done = run(on_core(core, [rnnctl, "--server", server.grpc, "--json", "bench", *words_of(flags)]),
               "DEADLINE_EXCEEDED" if may_fail else None)
    return load_of(done.stdout) if done.returncode == 0 else NOTHING_ANSWERED


def run_triton_load(program, server, **flags):
    """Runs triton_load, given as the words of a command, once in the same way, but returns None if
    the server is gone."""
    done = run([*program, "--server", server.grpc, *words_of(flags)], "(it is gone)")
    return load_of(done.stdout) if done.returncode == 0 else None


def run(command, allowed_error=None):
    """Runs a program that must succeed, or fail with a message that contains `allowed_error`."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    is_allowed = allowed_error is not None and allowed_error in done.stderr
    if done.returncode != 0 and not is_allowed:
        raise SystemExit(f"{' '.join(command)}\nfailed: {done.stderr.strip()}")
    return done


def load_of(output):
    (load,) = json.loads(output)["loads"]
    return load
