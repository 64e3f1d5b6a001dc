# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writers that compete for sessions, and the check that the result is one chain."""

import collections
import random
import threading
import time

import grpc
import numpy as np
import raw_session as raw
from checked_session import SYNC
from oracle import frames
from outcome import Line
from tally import as_text

NUM_SESSIONS = 6
MAX_STEPS_AT_ONCE = 30
MAX_REST_SECONDS = 0.05
# The error reasons that report another writer. A writer then attaches again at once, as an impolite
# client would.
FENCED = ("STEP_FENCED", "FENCED", "STALE_OWNER", "SESSION_MOVED")


class Writer:
    """Attaches, steps until it is fenced or has made its share of steps, and attaches again. Used
    by one thread at a time; read it when that thread has ended."""

    def __init__(self, targets, session_id, number, seed):
        self._targets, self._session_id, self._number = targets, session_id, number
        self._random = random.Random(seed)
        self.is_over = threading.Event()
        self.won = {}  # By index: the bytes of the output for this writer's input.
        self.refusals = collections.Counter()
        self.twice = 0  # Steps that it made although it had them.

    def run(self):
        connections = [raw.connect(target) for target in self._targets]
        while not self.is_over.is_set():
            try:
                self._take(self._random.choice(connections))
            except grpc.RpcError as error:
                self.refusals[raw.code_and_reason(error)] += 1
            self.is_over.wait(self._random.uniform(0, MAX_REST_SECONDS))

    def input_of(self, index):
        """Returns the writer's own input, so that the output shows whose step was performed."""
        return frames(self._number, index, index + 1)

    def _take(self, calls):
        place = raw.attach(calls, self._session_id)
        num_steps = self._random.randint(1, MAX_STEPS_AT_ONCE)
        for index in range(place.version, place.version + num_steps):
            if self.is_over.is_set():
                return
            reply = raw.step(
                calls, self._session_id, index, self.input_of(index), epoch=place.epoch)
            self.twice += index in self.won or reply.version != index + 1
            self.won[index] = reply.output.raw


class Writers:
    """Two writers per session, on any replica. Owns them; their threads belong to the caller."""

    def __init__(self, targets, chance):
        calls = raw.connect(targets[0])
        self._pairs = []
        for number in range(NUM_SESSIONS):
            session_id = f"fought-{number}"
            # Each step is stored before it is answered, so that none may be rolled back.
            raw.open_session(calls, session_id, SYNC)
            self._pairs.append([Writer(targets, session_id, which, chance.random())
                                for which in range(2)])
        self._targets = targets
        self._begin = time.monotonic()

    @property
    def all(self):
        return [writer for pair in self._pairs for writer in pair]

    @property
    def num_steps(self):
        return sum(len(writer.won) for writer in self.all)

    def stop(self):
        for writer in self.all:
            writer.is_over.set()

    def judge(self, oracle):
        """Returns the lines of the outcome. Needs the servers."""
        forks = sum(len(a.won.keys() & b.won.keys()) + a.twice + b.twice for a, b in self._pairs)
        off = sum(num_off_chain(oracle, pair) for pair in self._pairs)
        refusals = sum((writer.refusals for writer in self.all), collections.Counter())
        num_fenced = sum(number for what, number in refusals.items() if what.split()[-1] in FENCED)
        return [
            Line("steps granted to two writers", "0", f"{forks} of {self.num_steps}",
                 forks == 0),
            Line("outputs outside the one chain", "0", f"{off} of {self.num_steps}", off == 0),
            Line("older writers fenced", "> 0", f"{num_fenced} times ({as_text(refusals)})",
                 num_fenced > 0),
        ]


def num_off_chain(oracle, pair):
    """Returns how many outputs differ from those of a session with the inputs of the writers that
    made each step. A missing index counts too: no reply is lost here, so a writer must have won
    it."""
    won = {index: (writer.input_of(index), output)
           for writer in pair for index, output in writer.won.items()}
    if not won:
        return 0
    indices = range(max(won) + 1)
    missing = sum(index not in won for index in indices)
    if missing:
        return missing
    outputs = oracle.replay(np.concatenate([won[index][0] for index in indices]))
    return sum(output != won[index][1] for output, index in zip(outputs, indices))
