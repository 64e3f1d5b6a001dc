# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the import of ONNX files against the ONNX project's tests and ONNX Runtime.

See README.md.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import goldens
import models
import node_tests
import numpy as np
import onnx
import onnxruntime
import page
import quantized
import random_graphs
import recurrences
import served_models
from runner import Refused, Runner

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS_SEED = 1


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev conformance --onnx", description=__doc__)
    parser.add_argument("--only", help="only the node tests of this operator, or of this name")
    parser.add_argument("--graphs", type=int, default=300, help="random graphs (300)")
    parser.add_argument(
        "--recurrences", type=int, default=60, help="random models of whole sequences (60)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first random graph and model (0)"
    )
    parser.add_argument("--models", type=pathlib.Path, help="a folder with the public models")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--refused", action="store_true", help="prints every refusal")
    parser.add_argument(
        "--write-page", action="store_true", help="rewrites the page of operators and its data"
    )
    parser.add_argument(
        "--export", action="store_true", help="only writes small node tests as goldens"
    )
    return parser.parse_args()


def run_node_tests(runner, arguments):
    results = []
    for name, operator, case in node_tests.load():
        if arguments.only not in (None, name, operator):
            continue
        result = node_tests.run(runner, name, operator, case)
        results.append(result)
        if result.status == node_tests.WRONG:
            print(f"WRONG {operator} {name} ({result.way}): {result.text}", flush=True)
        elif result.status == node_tests.REFUSED and arguments.refused:
            print(f"refused {operator} {name}: {result.text[:300]}")
    return results


def run_random_graphs(runner, arguments):
    """Returns (graphs, operators seen, number of wrong graphs)."""
    operators, wrong = set(), 0
    for seed in range(arguments.seed, arguments.seed + arguments.graphs):
        try:
            names, text = random_graphs.compare(runner, seed)
        except Refused as error:
            names, text = [], f"refused: {error}"
        operators |= set(names)
        if text:
            wrong += 1
            print(f"WRONG random graph, --seed {seed} --graphs 1: {text}", flush=True)
    return operators, wrong


def run_models(runner, folder):
    """Returns a list of {name, steps, error}; `error` is "" or what is wrong."""
    rows = []
    for model in models.MODELS:
        proto = models.load(model, folder)
        if proto is None:
            print(f"{model.name}: no file '{model.file}' below {folder}")
            continue
        random = np.random.default_rng(MODELS_SEED)
        try:
            text, largest = models.compare_programs(runner, model, proto, random)
        except Refused as error:
            text, largest = f"refused: {error}", 0.0
        rows.append(model_row(model.name, text, largest))
    if any(row["name"].startswith("DTLN") for row in rows):
        random = np.random.default_rng(MODELS_SEED)
        rows.append(model_row("DTLN, both stages", *models.compare_dtln(runner, folder, random)))
    return rows


def run_served(arguments, folder):
    """As run_models, for models that are imported and served by the real programs."""
    rows = []
    random = np.random.default_rng(MODELS_SEED)
    found = served_models.run(arguments.programs, folder, arguments.models, random)
    for model, text, largest in found:
        rows.append(model_row(f"{model.name}, served", text, largest))
    return rows


def run_recurrences(arguments, folder):
    """Returns (number of models, of those that can be stepped, of wrong ones)."""
    seeds = range(arguments.seed, arguments.seed + arguments.recurrences)
    wrong, stepped = 0, 0
    for seed, text, _, is_stepped in recurrences.run(arguments.programs, folder, seeds):
        stepped += is_stepped
        if text:
            wrong += 1
            print(f"WRONG recurrences, --seed {seed} --recurrences 1: {text}", flush=True)
    return len(seeds), stepped, wrong


def model_row(name, text, largest):
    print(f"{name:36} {text or f'largest error {largest:.1e}'}", flush=True)
    return {"name": name, "largest_error": float(f"{largest:.1e}"), "wrong": text}


def print_table(results):
    table = node_tests.count(results)
    print(f"\n{'operator':32} {'passed':>7} {'refused':>8} {'wrong':>6}")
    for operator, counts in table.items():
        numbers = f"{counts['passed']:7} {counts['refused']:8} {counts['wrong']:6}"
        print(f"{operator:32} {numbers}")
    totals = {key: sum(counts[key] for counts in table.values()) for key in node_tests.STATUSES}
    print(f"{'all':32} {totals['passed']:7} {totals['refused']:8} {totals['wrong']:6}")
    return totals


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(arguments.programs / "onnx_runner", pathlib.Path(folder))
        results = run_node_tests(runner, arguments)
        if arguments.export:
            print(f"{goldens.export(runner, results)} goldens in {goldens.FILE}")
            return 0
        totals = print_table(results)
        if arguments.only:
            return 1 if totals[node_tests.WRONG] else 0
        operators, wrong_graphs = run_random_graphs(runner, arguments)
        print(f"\n{arguments.graphs} random graphs of {len(operators)} operators: "
              f"{wrong_graphs} wrong")  # fmt: skip
        wrong_quantized = [f"{name}: {text}" for name, text in quantized.run(runner) if text]
        print(f"quantized graphs: {'; '.join(wrong_quantized) or 'all equal'}")
        rows = run_models(runner, arguments.models) if arguments.models else []
        runner.close()
        if arguments.models:
            rows += run_served(arguments, pathlib.Path(folder) / "served")
        counts = run_recurrences(arguments, pathlib.Path(folder) / "recurrences")
        print(f"{counts[0]} random models of whole sequences, {counts[1]} also stepped: "
              f"{counts[2]} wrong")  # fmt: skip
    is_good = not totals[node_tests.WRONG] and not wrong_graphs and not counts[2]
    is_good = is_good and not wrong_quantized
    is_good = is_good and not any(row["wrong"] for row in rows)
    if arguments.write_page and is_good:
        document = {
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "steps": models.STEPS,
            "graphs": arguments.graphs,
            "graph_operators": len(operators),
            "recurrences": counts[0],
            "recurrences_stepped": counts[1],
            "models": [{key: row[key] for key in ("name", "largest_error")} for row in rows],
            "operators": page.operators_of(results),
        }
        page.DATA.write_text(json.dumps(document, indent=1) + "\n")
        page.PAGE.write_text(page.render(document))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
