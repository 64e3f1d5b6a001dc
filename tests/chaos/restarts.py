# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Replicas that are stopped, killed or paused under load."""

import time

from judge import judge_errors, judge_gaps, judge_load, judge_none_lost
from outcome import Line
from servers import wait_until
from stale_owner import StaleOwner
from tally import quantile

WARM_UP_SECONDS = 1.5
SETTLE_SECONDS = 0.7
DRAIN_GOAL_SECONDS = 22
STEPPING_SECONDS = 20
# A pause lasts longer than two unanswered attempts and the move of a client to another replica
# together.
PAUSE_SECONDS = 10


def _warm_up(load):
    wait_until(load.is_stepping, "the first step of every session", STEPPING_SECONDS)
    time.sleep(WARM_UP_SECONDS)


def rolling_restart(run, outcome):
    """Drains and restarts one replica after another. `amount`: rounds."""
    ends = []
    with run.servers() as servers, run.load(servers) as load:
        _warm_up(load)
        for _ in range(run.amount):
            for replica in servers.replicas:
                replica.drain()
                ends.append(servers.wait_for_end(replica))
                servers.restart(replica)
                time.sleep(SETTLE_SECONDS)
        tally = load.stop()
    judge_load(outcome, tally)
    judge_none_lost(outcome, tally)
    judge_errors(outcome, tally)
    judge_gaps(outcome, tally, "longest gap of a session that moves, p99", 1.0)
    codes, seconds = [code for code, _ in ends], [took for _, took in ends]
    outcome.lines.append(Line(
        "drains that exit with 0", "all", f"{codes.count(0)} of {len(codes)}", not any(codes)))
    outcome.lines.append(Line("longest drain", f"<= {DRAIN_GOAL_SECONDS} s",
                              f"{max(seconds):.1f} s (median {quantile(seconds, 0.5):.1f})",
                              max(seconds) <= DRAIN_GOAL_SECONDS))


def kill(run, outcome):
    """SIGKILL of a random replica, which returns a second later. `amount`: times."""
    with run.servers() as servers, run.load(servers) as load:
        _warm_up(load)
        for _ in range(run.amount):
            replica = run.random.choice(servers.replicas)
            replica.kill()
            time.sleep(1.0)
            servers.restart(replica)
            time.sleep(run.random.uniform(0.2, 1.2))
        tally = load.stop()
    judge_load(outcome, tally)
    judge_none_lost(outcome, tally)
    judge_gaps(outcome, tally, "time without outputs after a kill, p99", 5.0)


def pause(run, outcome):
    """SIGSTOP of a replica that has sessions and unread steps; other replicas continue the
    sessions; SIGCONT. `amount`: times."""
    stale = StaleOwner(run.oracle)
    with run.servers() as servers, run.load(servers) as load:
        _warm_up(load)
        for turn in range(run.amount):
            first = turn % len(servers.replicas)
            order = servers.replicas[first:] + servers.replicas[:first]
            stale.begin(turn, order)
            order[0].pause()
            stale.move_on()
            time.sleep(PAUSE_SECONDS)
            order[0].resume()
            time.sleep(2.5)  # It tries its checkpoints (each second) and answers its queued steps.
            stale.judge()
        tally = load.stop()
    judge_load(outcome, tally)
    outcome.lines += stale.lines()
    judge_none_lost(outcome, tally)
    judge_gaps(outcome, tally, "time without outputs, p99", 5.0)
