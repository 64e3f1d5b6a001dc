# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of this folder from real Keras, or checks the committed ones. See README.md."""

import argparse
import pathlib
import shutil
import sys

import reference  # First, because it sets up Keras.
import golden_case
import layer_goldens
import model_goldens
import peer_goldens
import recurrent_goldens
import upstream_goldens

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "cases"
UNSUPPORTED = HERE / "unsupported"
FAMILIES = (recurrent_goldens, layer_goldens, model_goldens, upstream_goldens, peer_goldens)


def all_goldens():
    goldens = [golden for family in FAMILIES for golden in family.goldens()]
    names = [golden.name for golden in goldens]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        sys.exit(f"two goldens have the same name: {sorted(repeated)}")
    return goldens


def generate(names):
    """Writes the named goldens. Without names, writes all of them and deletes all other cases."""
    goldens = all_goldens()
    unknown = set(names) - {golden.name for golden in goldens}
    if unknown:
        sys.exit(f"no such golden: {', '.join(sorted(unknown))}")
    if not names:
        for folder in (CASES, UNSUPPORTED):
            shutil.rmtree(folder, ignore_errors=True)
        for model, offender in model_goldens.unsupported():
            folder = UNSUPPORTED / model.name
            folder.mkdir(parents=True)
            golden_case.save(model, folder / "model.keras", deflate=False)
            golden_case.write_json({"offender": offender}, folder / "case.json")
    for golden in goldens:
        if not names or golden.name in names:
            folder = CASES / golden.name
            shutil.rmtree(folder, ignore_errors=True)
            golden_case.write(golden, folder)
            print(golden.name, flush=True)


def check():
    """Compares the committed cases with Keras, and the folders with the list of goldens."""
    expected = {golden.name for golden in all_goldens()}
    present = {folder.name for folder in CASES.iterdir()}
    if expected != present:
        sys.exit(f"missing or left over: {sorted(expected ^ present)}")
    num_cases = sum(golden_case.check(folder) for folder in sorted(CASES.iterdir()))
    print(f"{num_cases} cases of {len(present)} models are what Keras {keras_version()} computes")


def keras_version():
    return reference.keras.__version__


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="make these goldens again; none: all of them")
    parser.add_argument("--check", action="store_true", help="compare instead of making")
    arguments = parser.parse_args()
    if arguments.check:
        check()
    else:
        generate(arguments.names)


if __name__ == "__main__":
    main()
