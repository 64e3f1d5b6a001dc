# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""One program of a cluster, watched and stopped by its process id."""

import signal
import socket
import subprocess

STOP_SECONDS = 30  # Above the drain timeout of rnnserve, 20 s.


def free_port():
    """A port of 127.0.0.1 that nobody listens on, for programs that cannot tell what they got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program in the background; its output goes to a file.

    Start it in the main thread: it is killed when that ends, however it ends. Ctrl-C does not reach
    it. Used by one thread at a time.
    """

    def __init__(self, command, log, environment=None):
        self.log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *(str(word) for word in command)],
                env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def pid(self):
        return self._process.pid

    @property
    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def is_running(self):
        return self.exit_code is None

    def send(self, number):
        if self.is_running():
            self._process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        return self._process.wait()

    def stop(self, seconds=STOP_SECONDS):
        """Asks it to end, and makes it end. Returns the exit code."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()
