# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""HAProxy, nginx or Envoy in front of replicas, with the templates of deploy/proxy."""

import http.client
import json
import pathlib
import socket
import subprocess
import time

import fill_in
import programs
from process import Process, free_port

START_SECONDS = 10


class Proxy:
    """Base class of the three proxies. Used by one thread at a time."""

    def __init__(self, folder, replica_addresses):
        self._folder = pathlib.Path(folder)
        self.address = f"127.0.0.1:{free_port()}"
        self.configuration = self._folder / self.TEMPLATE
        template = (programs.ROOT / "deploy/proxy" / self.TEMPLATE).read_text(encoding="utf-8")
        self.configuration.write_text(
            fill_in.fill_in(template, self.address, self._folder, replica_addresses),
            encoding="utf-8")
        self._program, self._environment = self._find()
        self._process = None

    def check(self):
        """Makes the program check its configuration. Returns (exit code, output)."""
        done = subprocess.run(
            self._command(self.CHECK), env=self._environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def start(self):
        self._process = Process(
            self._command(()), self._folder / f"{self.PROGRAM}.log", self._environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if not self._process.is_running() or time.monotonic() > deadline:
                raise RuntimeError(f"{self.PROGRAM} does not listen:\n{self.log()}")
            time.sleep(0.02)

    def stop(self):
        if self._process:
            self._process.stop()

    def log(self):
        return self._process.read_log()

    def _find(self):
        return programs.debian(self.PROGRAM)

    def _listens(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
            return True
        except OSError:
            return False


class HaProxy(Proxy):
    """HAProxy. It also reports its view of each replica."""

    PROGRAM = "haproxy"
    TEMPLATE = "haproxy.cfg"
    CHECK = ("-c",)

    def _command(self, more):
        return [self._program, "-db", "-f", self.configuration, *more]

    def _listens(self):
        # It accepts clients some time before it creates its own socket.
        return (self._folder / "haproxy.sock").exists() and super()._listens()

    def replica_states(self):
        """Returns UP, DOWN, NOLB (draining) or MAINT for each server of the backend `sessions`.
        HAProxy appends the number of checks that are left until the next state."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._folder / "haproxy.sock"))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        rows = [line.split(",") for line in text.splitlines() if line]
        status = rows[0].index("status")
        return {row[1]: row[status] for row in rows
                if row[0] == "sessions" and row[1].startswith("rnn-")}


class Nginx(Proxy):
    """nginx. It notices the loss of a replica only by a call that fails."""

    PROGRAM = "nginx"
    TEMPLATE = "nginx.conf"
    CHECK = ("-t",)

    def _command(self, more):
        return [self._program, "-p", self._folder, "-c", self.configuration, "-e", "stderr", *more]


class Envoy(Proxy):
    """Envoy. It also reports its view of each replica, and the size of its ring."""

    PROGRAM = "envoy"
    TEMPLATE = "envoy.yaml"
    CHECK = ("--mode", "validate")

    def _find(self):
        return programs.envoy()

    def _command(self, more):
        # With hot restart disabled, two Envoys may run at the same time.
        return [self._program, "-c", self.configuration, "--disable-hot-restart",
                "--log-level", "warning", *more]

    def replica_states(self):
        """Returns UP or DOWN for each replica in the cluster `sessions`; a draining one is DOWN."""
        (hosts,) = [cluster["host_statuses"]
                    for cluster in self._ask("/clusters?format=json")["cluster_statuses"]
                    if cluster["name"] == "sessions"]
        down = {host["hostname"] for host in hosts
                if host["health_status"].get("failed_active_health_check")}
        return {host["hostname"]: "DOWN" if host["hostname"] in down else "UP" for host in hosts}

    def ring(self):
        """Returns the number of places on the ring: {"size": all, "max_hashes_per_host": ...}."""
        stats = self._ask("/stats?format=json&filter=^cluster.sessions.ring_hash_lb")["stats"]
        return {each["name"].rpartition(".")[2]: each["value"] for each in stats}

    def _ask(self, path):
        connection = http.client.HTTPConnection("envoy")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self._folder / "envoy.sock"))
            connection.request("GET", path)
            return json.load(connection.getresponse())
        finally:
            connection.close()
