# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the server against Keras on random models of every feature. See README.md."""

import argparse
import concurrent.futures
import json
import math
import multiprocessing
import os
import pathlib
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "golden")]

# E402: the modules below are found through the path above.
import reference  # noqa: E402  (First: it sets up Keras.)
from calls import CALLS_OF_A_MODEL  # noqa: E402
from feature import REGISTRY  # noqa: E402
from worker import FAILED, PASSED, Task, run  # noqa: E402

import export  # noqa: E402
import page  # noqa: E402
import report  # noqa: E402

MODELS_OF_A_SERVER = 60


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev conformance", description=__doc__)
    parser.add_argument("--cases", type=int, default=3000, help="the least number of cases (3000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses all models and calls (1)")
    parser.add_argument(
        "--only", action="append", help="FEATURE, or FEATURE/NUMBER for one model; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (all cores)")
    parser.add_argument(
        "--programs", type=pathlib.Path, default=ROOT / "build/release/bin", help="the server's"
    )
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/conformance")
    parser.add_argument(
        "--write-page", action="store_true", help="rewrites SUPPORTED.md with the results"
    )
    parser.add_argument(
        "--as-programs",
        action="store_true",
        help="serves SimpleRNN, LSTM and GRU cells as step programs; leaves out other models",
    )
    parser.add_argument(
        "--export", type=pathlib.Path, metavar="DIR", help="only writes tiny cases as goldens"
    )
    parser.add_argument("--list", action="store_true", help="only lists the features")
    return parser.parse_args()


def plan(cases, only):
    """Returns the models of a run, as (feature, number), in an order that mixes the features."""
    chosen = {}
    for name in only or REGISTRY:
        name, _, number = name.partition("/")
        if name not in REGISTRY:
            sys.exit(f"there is no feature '{name}'; --list has them")
        chosen.setdefault(name, []).extend([int(number)] if number else [])
    total = sum(REGISTRY[name].weight for name in chosen)
    models = []
    for name, numbers in chosen.items():
        share = cases * REGISTRY[name].weight / total
        count = max(1, math.ceil(share / CALLS_OF_A_MODEL))
        models += [(i / count, name, i) for i in range(count)] if not numbers else []
        models += [(0.0, name, number) for number in numbers]
    return [(name, number) for _, name, number in sorted(models)]


def run_all(models, arguments):
    """Yields the results as they arrive."""
    per_task = min(MODELS_OF_A_SERVER, math.ceil(len(models) / arguments.jobs))
    failures = arguments.output / "failures"
    shutil.rmtree(failures, ignore_errors=True)
    tasks = [
        Task(
            arguments.seed,
            tuple(models[i : i + per_task]),
            arguments.programs,
            failures,
            arguments.as_programs,
        )
        for i in range(0, len(models), per_task)
    ]
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork.
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, context) as pool:
        futures = [pool.submit(run, task) for task in tasks]
        for future in concurrent.futures.as_completed(futures):
            yield from future.result()


def measure(models, arguments):
    """Runs all models and prints each failure once. Returns {feature: report.Row}."""
    chosen = {name for name, _ in models}
    rows = {name: report.Row() for name in REGISTRY if name in chosen}
    told = set()
    begin = time.monotonic()
    for done, result in enumerate(run_all(models, arguments), 1):
        rows[result.feature].add(result)
        failure = (result.feature, result.number, result.text)
        if result.status == FAILED and failure not in told:
            told.add(failure)
            print(report.failure_line(result, arguments.seed), flush=True)
        if done % 500 == 0:
            print(f"{done} cases, {time.monotonic() - begin:.0f} s", flush=True)
    return rows


def agree_with_page(summary, write):
    """Writes the page, or says whether the features are those of the committed page."""
    fresh = report.document(summary)
    fresh["as_programs"] = page.read()["as_programs"]  # of a run of its own
    if write:
        page.DATA.write_text(json.dumps(fresh, indent=1) + "\n")
        page.PAGE.write_text(page.render(fresh))
        return True
    if report.without_results(page.read()) == report.without_results(fresh):
        return True
    print("the features are not those of SUPPORTED.md; run with --write-page to write it")
    return False


def write_programs(rows, seed):
    """Writes the result of a run with --as-programs to the page."""
    document = page.read()
    document["as_programs"] = {
        "cases": sum(row.cases for row in rows.values()),
        "passed": sum(row.counts[PASSED] for row in rows.values()),
        "features": len(rows),
        "seed": seed,
    }
    page.DATA.write_text(json.dumps(document, indent=1) + "\n")
    page.PAGE.write_text(page.render(document))


def main():
    arguments = parse_arguments()
    if arguments.list:
        for feature in REGISTRY.values():
            print(f"{feature.name:28} {feature.about}")
        return 0
    if arguments.export:
        count = export.export(arguments.export, arguments.seed, arguments.only)
        print(f"{count} cases in {arguments.export}")
        return 0
    models = plan(arguments.cases, arguments.only)
    print(f"{len(models)} models, {len(models) * CALLS_OF_A_MODEL} cases, seed {arguments.seed}")
    begin = time.monotonic()
    rows = measure(models, arguments)
    if arguments.as_programs:
        rows = {name: row for name, row in rows.items() if row.cases > 0}
    report.print_table(rows)
    summary = report.summary(rows, arguments.seed, time.monotonic() - begin)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "results.json").write_text(json.dumps(summary, indent=1) + "\n")
    is_good = all(row.is_good() for row in rows.values())
    if arguments.as_programs:
        if arguments.write_page and not arguments.only:
            write_programs(rows, arguments.seed)
    elif not arguments.only:
        is_good = agree_with_page(summary, arguments.write_page) and is_good
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
