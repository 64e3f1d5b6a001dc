# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compares the import of ONNX files with the ONNX project's tests. See README.md."""

import argparse
import pathlib
import sys
import tempfile

import node_tests
from runner import Runner

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(prog="./dev conformance --onnx", description=__doc__)
    parser.add_argument("--only", help="only the node tests of this operator, or of this name")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--refused", action="store_true", help="prints every refusal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(arguments.programs / "onnx_runner", pathlib.Path(folder))
        results = []
        for name, operator, case in node_tests.load():
            if arguments.only in (None, name, operator):
                results.append(node_tests.run(runner, name, operator, case))
        runner.close()
    for result in results:
        if result.status == node_tests.WRONG:
            print(f"WRONG {result.operator} {result.name} ({result.way}): {result.text}")
        elif result.status == node_tests.REFUSED and arguments.refused:
            print(f"refused {result.operator} {result.name}: {result.text[:300]}")
    table = node_tests.count(results)
    for operator, counts in table.items():
        print(f"{operator:32} {counts['passed']:5} {counts['refused']:5} {counts['wrong']:5}")
    totals = [sum(counts[key] for counts in table.values()) for key in ("passed", "refused", "wrong")]
    print(f"{'all':32} {totals[0]:5} {totals[1]:5} {totals[2]:5}")
    return 1 if totals[2] else 0


if __name__ == "__main__":
    sys.exit(main())
