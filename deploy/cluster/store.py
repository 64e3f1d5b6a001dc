# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Redis of a cluster, and the flags with which a server uses it."""

import pathlib
import secrets
import socket
import time

import programs
from process import Process, free_port

START_SECONDS = 10


class Store:
    """A Redis on loopback that writes nothing to disk. Used by one thread at a time."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._port = free_port()
        self._process = None

    def start(self):
        program, environment = programs.debian("redis-server")
        self._process = Process(
            [program, "--bind", "127.0.0.1", "--port", self._port, "--dir", self._folder,
             # Evicting a session without a word would lose it; a full store has to say so.
             "--save", "", "--appendonly", "no", "--maxmemory", "256mb",
             "--maxmemory-policy", "noeviction"],
            self._folder / "redis.log", environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self._process.is_running() or time.monotonic() > deadline:
                raise RuntimeError(f"Redis does not answer; its log is {self._process.log}")
            time.sleep(0.02)

    def stop(self):
        if self._process:
            self._process.stop()

    def server_flags(self):
        """What `rnnserve` needs to keep its sessions here: those of the flags that it knows."""
        key = self._folder / "snapshot.key"
        key.write_text(secrets.token_hex(32) + "\n", encoding="utf-8")
        flags = {"--store": f"redis://127.0.0.1:{self._port}", "--snapshot-key-file": key,
                 "--durability": "async"}
        known = set(programs.flags().split())
        return [f"{flag}={value}" for flag, value in flags.items() if flag in known]

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
