# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The processes of one scenario: a store and replicas that share it."""

import contextlib
import pathlib
import tempfile
import time

from replica import Replica
from store import Store

START_SECONDS = 60
START_TRIES, TRY_AGAIN_SECONDS = 50, 0.2
END_SECONDS = 40  # Above the goal for a drain, so that a slow drain is reported as such.


class Overdue(Exception):
    """Something did not happen in time; the text names it."""


def wait_until(is_true, what, seconds):
    """Waits for the condition. Returns the seconds that it took, or raises Overdue."""
    begin = time.monotonic()
    while not is_true():
        if time.monotonic() - begin > seconds:
            raise Overdue(f"{what} did not come within {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - begin


class Servers(contextlib.AbstractContextManager):
    """Runs from the start of its `with` block to the end, which kills everything. Used by the main
    thread, whose end also kills everything. With `link` the servers reach the store by that
    symbolic link."""

    def __init__(self, models, num_replicas=3, *, store_options=(), server_options=(), link=None):
        self._temporary = tempfile.TemporaryDirectory(prefix="chaos")
        self.folder = pathlib.Path(self._temporary.name)
        self.store = Store(self.folder, store_options)
        self._link = link
        flags = [*self.store.server_flags(f"unix://{link}" if link else None), *server_options]
        self.replicas = [Replica(index, self.folder, flags, models)
                         for index in range(num_replicas)]

    def __enter__(self):
        try:
            self.store.start()
            if self._link:
                self._link.symlink_to(self.store.socket)
            for replica in self.replicas:
                replica.start()
            for replica in self.replicas:
                self.wait_for(replica)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for replica in self.replicas:
            replica.kill()
            replica.stop()
        self.store.kill()
        self._temporary.cleanup()

    @property
    def targets(self):
        return [replica.address for replica in self.replicas]

    @staticmethod
    def wait_for(replica):
        wait_until(replica.has_started, f"the start of replica {replica.index}", START_SECONDS)

    @staticmethod
    def wait_for_end(replica):
        """Returns (exit code, seconds that it took)."""
        seconds = wait_until(lambda: not replica.is_running(),
                             f"the end of replica {replica.index}", END_SECONDS)
        return replica.exit_code, seconds

    def restart(self, replica):
        """Starts a replica again on its port. A client's own socket may have taken the port in the
        meantime, because clients that look for the replica make one connection after another; then
        this tries again until the port is free."""
        for _ in range(START_TRIES):
            replica.start()
            try:
                self.wait_for(replica)
                return
            except RuntimeError as error:
                last = pathlib.Path(replica.log).read_text(encoding="utf-8").splitlines()[-1]
                if '"LISTEN"' not in last:
                    raise RuntimeError(f"{error}, which ends with {last}") from None
                time.sleep(TRY_AGAIN_SECONDS)
        raise Overdue(f"the port of replica {replica.index} was not free again")
