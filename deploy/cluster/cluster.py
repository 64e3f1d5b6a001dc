# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A cluster on loopback for experiments: Redis, HAProxy, three servers, and sessions that step.

Prints a table each second and takes commands from the terminal or from a script. Exits with 0 if no
reply was wrong and everything stopped. `--help` has the details.
"""

import argparse
import asyncio
import contextlib
import pathlib
import signal
import sys
import tempfile
import threading
import time

import commands
from load import Load
from proxy import HaProxy
from replica import Replica
from store import Store
from table import Table, look_at, summary

START_SECONDS = 60
TICK_SECONDS = 1.0


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev cluster", description=__doc__, epilog=commands.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=2.0,
                        help="steps per second of each session; default: %(default)s")
    parser.add_argument("--replicas", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--script", type=pathlib.Path,
                        help="file whose lines have a time in seconds and a command: 2.5 kill 1")
    parser.add_argument("--seconds", type=float, help="stops after this time")
    return parser.parse_args()


class Cluster:
    """All processes. Start and stop them in the main thread, whose end kills all of them."""

    def __init__(self, folder, num_replicas):
        self._store = Store(folder)
        self._proxy = None
        self._folder = folder
        self.replicas = []
        self._num_replicas = num_replicas

    @property
    def address(self):
        return self._proxy.address

    def start(self):
        self._store.start()
        flags = self._store.server_flags()
        self.replicas = [Replica(i, self._folder, flags) for i in range(self._num_replicas)]
        for replica in self.replicas:
            replica.start()
        self._wait_for_replicas()
        self._proxy = HaProxy(self._folder, [replica.address for replica in self.replicas])
        self._proxy.start()

    def stop(self):
        """Stops all processes. The replicas drain at the same time."""
        if self._proxy:
            self._proxy.stop()
        for replica in self.replicas:
            if replica.is_running():
                replica.resume()
                replica.drain()
        for replica in self.replicas:
            replica.stop()
        self._store.stop()

    def _wait_for_replicas(self):
        deadline = time.monotonic() + START_SECONDS
        while not all([replica.has_started() for replica in self.replicas]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no server within {START_SECONDS} s; see {self._folder}")
            time.sleep(0.05)


def read_lines(loop, lines):
    """Puts the typed lines into the queue, and a quit when the input ends."""
    def read():
        with contextlib.suppress(RuntimeError):  # The loop has ended.
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            if sys.stdin.isatty():
                loop.call_soon_threadsafe(lines.put_nowait, "quit")
    threading.Thread(target=read, daemon=True).start()


class Show:
    """One run: the load, the table and the commands."""

    def __init__(self, cluster, load, script, seconds):
        self._cluster = cluster
        self._load = load
        self._script = script
        self._end = seconds
        self._begin = time.monotonic()
        self._table = Table()
        self._lines = asyncio.Queue()
        self._is_over = False
        self._running = []

    async def run(self):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._lines.put_nowait, "quit")
        if not self._script:
            read_lines(loop, self._lines)
        while not self._is_over:
            self._load.raise_if_broken()
            await self._show_table()
            await self._do_commands_until(time.monotonic() + TICK_SECONDS)
        await asyncio.gather(*self._running)

    def _passed(self):
        return time.monotonic() - self._begin

    async def _show_table(self):
        looks = await asyncio.gather(
            *(asyncio.to_thread(look_at, replica) for replica in self._cluster.replicas))
        for line in self._table.lines(self._passed(), dict(enumerate(looks)), self._load.tally):
            print(line, flush=True)

    async def _do_commands_until(self, tick):
        while not self._is_over and time.monotonic() < tick:
            while self._script and self._script[0][0] <= self._passed():
                await self._do(self._script.pop(0)[1])
            if self._end is not None and self._passed() >= self._end:
                self._is_over = True
            with contextlib.suppress(asyncio.TimeoutError):
                await self._do_line(await asyncio.wait_for(self._lines.get(), 0.05))

    async def _do_line(self, line):
        try:
            command = commands.parse(line, len(self._cluster.replicas))
        except commands.UnknownCommand as error:
            print(error, flush=True)
            return
        if command:
            await self._do(command)

    async def _do(self, command):
        if command.name == "quit":
            self._is_over = True
        elif command.name == "help":
            print(commands.HELP, flush=True)
        elif command.name == "sessions":
            lines = await asyncio.to_thread(
                lambda: list(commands.list_sessions(self._cluster.replicas)))
            print("sessions by replica:", *lines, sep="\n", flush=True)
        else:
            # A restart waits for the drain; the table is updated meanwhile.
            self._running.append(asyncio.ensure_future(self._do_to_replica(command)))

    async def _do_to_replica(self, command):
        print(">>", await commands.run(command, self._cluster.replicas), flush=True)


async def run(cluster, chosen, script):
    load = Load(cluster.address, chosen.sessions, chosen.rate)
    try:
        await Show(cluster, load, script, chosen.seconds).run()
    finally:
        await load.stop()
    return load.tally


def main():
    chosen = parse_arguments()
    try:
        script = chosen.script and commands.parse_script(
            chosen.script.read_text(encoding="utf-8"), chosen.replicas)
    except (OSError, commands.UnknownCommand) as error:
        sys.exit(str(error))
    # Before the event loop takes over SIGTERM, the signal must stop the started processes as Ctrl-C
    # does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(folder, chosen.replicas)
        stack.callback(cluster.stop)
        cluster.start()
        print(f"clients: {cluster.address} (HAProxy); 'help' lists the commands", flush=True)
        tally = asyncio.run(run(cluster, chosen, script))
        print(summary(tally), flush=True)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
