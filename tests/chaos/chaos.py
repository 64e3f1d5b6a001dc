# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Faults against real servers: prints each promise next to the measured result.

Every output of every session is compared with that of an undisturbed one. A run with a load below
200 steps per second is void. README.md lists the promises of each scenario.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import random
import signal
import sys
import tempfile
import time

import clients
import network
import oracle
import reloads
import restarts
import stores
import volume
from checked_load import CheckedLoad
from outcome import Outcome, head
from servers import Servers, wait_until

SIZES = ("full", "quick", "smoke")
START_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A row of the table: the function to run, its amount for each size (rounds, steps or seconds,
    depending on the scenario), and its time limits."""

    run: object
    full: int
    quick: int
    smoke: int  # 0: not part of it
    limit: tuple  # In seconds, for full, quick and smoke.

    @property
    def name(self):
        return self.run.__name__


SCENARIOS = [
    Scenario(network.lossy_network, 1_000_000, 20_000, 3_000, (7200, 150, 30)),
    Scenario(restarts.rolling_restart, 20, 2, 0, (1800, 150, 0)),
    Scenario(restarts.kill, 100, 15, 2, (1800, 180, 60)),
    Scenario(restarts.pause, 20, 2, 0, (1200, 120, 0)),
    Scenario(stores.store_down, 9, 1, 0, (1500, 240, 0)),
    Scenario(stores.store_failover, 30, 4, 0, (1200, 120, 0)),
    Scenario(clients.client_kill, 200, 30, 0, (900, 120, 0)),
    Scenario(clients.two_writers, 60, 10, 4, (200, 60, 40)),
    Scenario(reloads.model_reload, 50, 8, 0, (300, 60, 0)),
    Scenario(volume.drain_10k, 1, 1, 0, (300, 120, 0)),
    Scenario(volume.checkpoint_cost, 100, 24, 0, (300, 90, 0)),
]


class Run:
    """The arguments of a scenario: its amount, an oracle, and randomness with a printed seed."""

    def __init__(self, folder, models, the_oracle, seed):
        self.folder, self.models, self.oracle = folder, models, the_oracle
        self.random = random.Random(seed)
        self.amount = 0

    def servers(self, *arguments, models=None, **options):
        return Servers(models or self.models, *arguments, **options)

    def load(self, servers, **options):
        return CheckedLoad(servers.targets, self.oracle, **options)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev chaos", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, at most 10 minutes")
    parser.add_argument("--smoke", action="store_true", help="three scenarios, at most a minute")
    parser.add_argument("--only", action="append", metavar="NAME",
                        choices=[scenario.name for scenario in SCENARIOS],
                        help="one of: %(choices)s; may be repeated")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a promise was missed")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="writes the outcomes")
    parser.add_argument("--seed", type=int, help="seed of all random choices; default: random")
    return parser.parse_args()


class OutOfTime(Exception):
    """A scenario exceeded its time limit."""


def raise_out_of_time(*_):
    raise OutOfTime


def run_scenario(scenario, run, limit):
    """Returns the outcome of a scenario, even after an exception other than Ctrl-C."""
    outcome, begin = Outcome(scenario.name), time.monotonic()
    signal.alarm(limit)
    try:
        scenario.run(run, outcome)
    except OutOfTime:
        outcome.error = f"took more than {limit} s"
    except Exception as error:
        outcome.error = f"{type(error).__name__}: {error}".replace("\n", " ")
    finally:
        signal.alarm(0)
    outcome.seconds = time.monotonic() - begin
    return outcome


def run_all(chosen, run):
    size = "smoke" if chosen.smoke else "quick" if chosen.quick else "full"
    print(*head(), sep="\n", flush=True)
    for scenario in SCENARIOS:
        run.amount = getattr(scenario, size)
        if chosen.only and scenario.name not in chosen.only or run.amount == 0:
            continue
        outcome = run_scenario(scenario, run, scenario.limit[SIZES.index(size)])
        print(*outcome.table(), sep="\n", flush=True)
        yield outcome


def main():
    chosen = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGALRM, raise_out_of_time)
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="chaos") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        models = oracle.model(folder)
        undisturbed = oracle.Oracle(folder / "oracle", models)
        stack.callback(undisturbed.stop)
        undisturbed.start()
        wait_until(undisturbed.has_started, "the start of the oracle", START_SECONDS)
        outcomes = list(run_all(chosen, Run(folder, models, undisturbed, seed)))
    if chosen.json:
        chosen.json.write_text(json.dumps(
            {"seed": seed, "scenarios": [outcome.to_json() for outcome in outcomes]}, indent=1))
    is_met = bool(outcomes) and all(outcome.is_met for outcome in outcomes)
    print("no promise was missed" if is_met else "NOT every promise was met", flush=True)
    return 1 if chosen.check and not is_met else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is stopped")
