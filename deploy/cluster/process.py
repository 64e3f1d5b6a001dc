# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A program in the background, stopped by its process id, and the addresses that it reports."""

import contextlib
import json
import pathlib
import signal
import socket
import subprocess
import time

STOP_SECONDS = 30  # Above the drain timeout of rnnserve, 20 s.


def free_port():
    """Returns a port of 127.0.0.1 that nobody uses, for programs that cannot report their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def killed_with_parent(command):
    """Returns a command that runs `command` and that the kernel kills when its parent ends."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *(str(word) for word in command)]


class Process:
    """A program in the background; its output goes to a file.

    Start it in the main thread: the kernel kills it when that thread ends for any reason. Ctrl-C
    does not reach it. Used by one thread at a time.
    """

    def __init__(self, command, log, environment=None):
        self.log = log
        self._name = pathlib.Path(command[0]).name
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                killed_with_parent(command), env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def pid(self):
        return self._process.pid

    @property
    def exit_code(self):
        """Returns the exit code, or None while the program runs."""
        return self._process.poll()

    def is_running(self):
        return self.exit_code is None

    def send(self, number):
        if self.is_running():
            self._process.send_signal(number)

    def await_addresses(self, address_file, seconds):
        """Waits until the server has written its addresses and returns them: "grpc", "metrics".
        Raises RuntimeError, with its log, if it ends first or takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            # The file may not exist yet, or not be complete.
            with contextlib.suppress(OSError, ValueError):
                return json.loads(pathlib.Path(address_file).read_text(encoding="utf-8"))
            time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"{self._name} does not serve:\n{self.read_log()}")

    def read_log(self):
        return pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")

    def kill(self):
        self.send(signal.SIGKILL)
        return self._process.wait()

    def stop(self, seconds=STOP_SECONDS):
        """Asks the program to end, and kills it after `seconds`. Returns the exit code."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()
