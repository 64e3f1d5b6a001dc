# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A model that is replaced, while it has sessions, by one with other states, and back."""

import os
import time

import grpc
import numpy as np
import oracle
import raw_session as raw
from judge import judge_errors, judge_load, judge_none_lost
from metrics_page import MetricsPage
from oracle import MODEL, UNITS, frames
from outcome import Line
from rnnserve.v1 import model_pb2, model_pb2_grpc
from servers import wait_until

OTHER = "other"  # The other model under its own name; never reloaded.
OTHER_UNITS = UNITS + 8
STEPS = 5
TUNE = 3
STEPPING_SECONDS = 20
RELOAD_SECONDS = 30
SETTLE_SECONDS = 0.2


class Folder:
    """The path that the server has for the model: a link that is replaced atomically."""

    def __init__(self, folder, models):
        self.path = folder / "served"
        self._models, self._next = models, folder / "served.next"
        self.put(0)

    def put(self, index):
        self._next.symlink_to(self._models[index])
        os.replace(self._next, self.path)


class Probes:
    """New sessions, which must use the newest model. Used by one thread at a time."""

    def __init__(self, calls, the_oracle):
        self._calls, self._oracle = calls, the_oracle
        self.num, self.num_wrong, self._turn = 0, 0, 0

    def probe(self, digest, is_other):
        self._turn += 1
        self.num += 1
        name = f"probe-{self._turn}"
        opened = raw.open_session(self._calls, name, 0)
        is_right = opened.model_digest == digest
        if is_other:
            raw.open_session(self._calls, f"{name}-undisturbed", 0, OTHER)
        for index in range(STEPS):
            frame = frames(TUNE, index, index + 1)
            if is_other:
                frame = np.tile(frame, 2)[:, :OTHER_UNITS]
                expected = raw.step(self._calls, f"{name}-undisturbed", index, frame).output.raw
            else:
                expected = self._oracle.expected(TUNE, index)
            is_right &= raw.step(self._calls, name, index, frame).output.raw == expected
        self.num_wrong += not is_right
        for session_id in (name, f"{name}-undisturbed")[:1 + is_other]:
            self._calls.CloseSession(
                raw.session_pb2.CloseSessionRequest(session_id=session_id),
                timeout=raw.CALL_SECONDS)


def model_reload(run, outcome):
    """Puts a model with other states under the name, then the first one again. `amount`: times."""
    other = oracle.model_files.write_lstm(run.folder / "model_reload", OTHER_UNITS)
    folder = Folder(run.folder / "model_reload", [run.models[MODEL], other])
    models = {MODEL: folder.path, OTHER: other}
    seconds, num_unchanged = [], 0
    with run.servers(1, models=models) as servers, run.load(servers) as load:
        replica = servers.replicas[0]
        reloads = model_pb2_grpc.ModelServiceStub(grpc.insecure_channel(replica.address))
        probes = Probes(raw.connect(replica.address), run.oracle)
        wait_until(load.is_stepping, "the first step of every session", STEPPING_SECONDS)
        for turn in range(1, run.amount + 1):
            folder.put(turn % 2)
            begin = time.monotonic()
            reply = reloads.ReloadModel(
                model_pb2.ReloadModelRequest(model=MODEL), timeout=RELOAD_SECONDS)
            seconds.append(time.monotonic() - begin)
            num_unchanged += not reply.changed
            probes.probe(reply.digest, is_other=turn % 2)
            time.sleep(SETTLE_SECONDS)
        num_left = _retiring_models(replica)
        tally = load.stop()
    judge_load(outcome, tally)
    judge_none_lost(outcome, tally)
    judge_errors(outcome, tally)
    outcome.lines += [
        Line("reloads that replaced nothing", "0", f"{num_unchanged} of {run.amount}",
             num_unchanged == 0),
        Line("new sessions without the new model", "0",
             f"{probes.num_wrong} of {probes.num}", probes.num_wrong == 0 and probes.num > 0),
        Line("replaced models that are kept", "<= 1",
             f"{num_left:.0f} (the longest reload took {max(seconds):.2f} s)", num_left <= 1),
    ]


def _retiring_models(replica):
    return MetricsPage.of(replica.metrics_address, timeout_s=5).total("rnnserve_retiring_models")
