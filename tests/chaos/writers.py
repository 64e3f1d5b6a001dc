# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writers that fight for sessions, and the check that one chain came of it."""

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
from tally import told

NUM_SESSIONS = 6
MAX_STEPS_AT_ONCE = 30
MAX_REST_SECONDS = 0.05
# What says that another one has the session. With them a writer begins anew, as a rude one would.
FENCED = ("STEP_FENCED", "FENCED", "STALE_OWNER", "SESSION_MOVED")


class Writer:
    """Attaches, steps until it is fenced or has had its share, and attaches again. One thread; read
    it when that has ended."""

    def __init__(self, targets, session_id, number, seed):
        self._targets, self._session_id, self._number = targets, session_id, number
        self._random = random.Random(seed)
        self.is_over = threading.Event()
        self.won = {}  # By index: the bytes of the output that this writer was given for its input.
        self.refusals = collections.Counter()
        self.twice = 0  # Steps that it was given although it had them.

    def run(self):
        connections = [raw.connect(target) for target in self._targets]
        while not self.is_over.is_set():
            try:
                self._take(self._random.choice(connections))
            except grpc.RpcError as error:
                self.refusals[raw.say(error)] += 1
            self.is_over.wait(self._random.uniform(0, MAX_REST_SECONDS))

    def input_of(self, index):
        """Each writer has its own, so that it shows whose step was done."""
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
    """Two for each session, on any replica. Owns them; their threads are the caller's."""

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
        """The lines of the outcome. Needs the servers."""
        forks = sum(len(a.won.keys() & b.won.keys()) + a.twice + b.twice for a, b in self._pairs)
        off = sum(num_off_chain(oracle, pair) for pair in self._pairs)
        refusals = sum((writer.refusals for writer in self.all), collections.Counter())
        num_fenced = sum(number for what, number in refusals.items() if what.split()[-1] in FENCED)
        return [
            Line("steps that two writers were given", "0", f"{forks} of {self.num_steps}",
                 forks == 0),
            Line("outputs off the one chain", "0", f"{off} of {self.num_steps}", off == 0),
            Line("older writers fenced", "> 0", f"{num_fenced} times ({told(refusals)})",
                 num_fenced > 0),
        ]


def num_off_chain(oracle, pair):
    """How many outputs are not those of a session with the inputs of whoever won each step. An
    index that nobody won counts too: no reply is lost here, so each step was somebody's."""
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
