# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Redis of a cluster, and the flags that make a server use it."""

import pathlib
import secrets
import signal
import socket
import time

import programs
from process import Process, free_port

START_SECONDS = 10


class Store:
    """A Redis on loopback. It writes nothing to disk unless `options` say so, and keeps its port
    and its socket when its process is replaced. Used by one thread at a time."""

    def __init__(self, folder, options=()):
        self.folder = pathlib.Path(folder)
        self._options = list(options)
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self._process = None

    def start(self):
        program, environment = programs.debian("redis-server")
        self._process = Process(
            [program, "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder,
             "--unixsocket", self.socket,
             # Redis must not evict a session silently, which would lose it; a full store has to
             # refuse writes.
             "--save", "", "--appendonly", "no", "--maxmemory", "256mb",
             "--maxmemory-policy", "noeviction", *self._options],
            self.folder / "redis.log", environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self._process.is_running() or time.monotonic() > deadline:
                raise RuntimeError(f"Redis does not answer; its log is {self._process.log}")
            time.sleep(0.02)

    def stop(self):
        if self._process:
            self._process.stop()

    def kill(self):
        if self._process:
            self._process.kill()

    def pause(self):
        self._process.send(signal.SIGSTOP)

    def resume(self):
        self._process.send(signal.SIGCONT)

    def ask(self, line):
        """Sends one command as a line of words and returns the raw answer, up to 64 KiB. Raises
        OSError if there is none."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(65536).decode()

    def server_flags(self, url=None):
        """Returns the flags that make `rnnserve` keep its sessions here, or at `url`."""
        key = self.folder / "snapshot.key"
        key.write_text(secrets.token_hex(32) + "\n", encoding="utf-8")
        return [f"--store={url or f'redis://127.0.0.1:{self.port}'}",
                f"--snapshot-key-file={key}", "--durability=async"]

    def _answers(self):
        try:
            return self.ask("PING").startswith("+PONG")
        except OSError:
            return False
