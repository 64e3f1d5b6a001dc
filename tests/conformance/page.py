# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes SUPPORTED.md from supported.json, which `./dev conformance --write-page` makes.

usage: page.py [--check]    (standard library only; --check writes nothing and prints differences)
"""

import ast
import json
import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = HERE / "supported.json"
PAGE = ROOT / "SUPPORTED.md"

INTRODUCTION = """\
# What is supported

This page is generated from the results of `./dev conformance --write-page`; do not edit it.

There are three ways to a served model:

| you have | it is served | what is supported |
|---|---|---|
| a model of Keras: `.keras`, `.h5` | `rnnserve --model NAME=MODEL.keras` | the features below |
| an ONNX file, from PyTorch, TensorFlow and others | `rnnserve --model NAME=MODEL.onnx` | [the operators of ONNX](core/import/onnx/OPERATORS.md) and [the facts that a file lacks](core/model/FORMAT.md#from-files-of-onnx) |
| any other recurrence | as a step program in a bundle, without C++, or as a plug-in cell in C++ | [step programs](core/program/PROGRAMS.md); [cells of your own](core/cells/CUSTOM_CELLS.md) |

## Keras

Every feature below is measured. Keras {keras} on the TensorFlow backend builds and saves random
models. The real programs import and serve them, and a client calls them over gRPC: in whole
batches, through streams in random parts, and step by step. All outputs and final states are
compared with those that Keras computes. A case is one such call.
[How it works](tests/conformance/README.md). In the last run {passed} of {cases} cases passed, with
seed {seed}.

A result counts as equal if it is within 2e-6 plus 1e-5 of the value, for sizes 1 to 256. The tables
give the largest difference seen, and the largest share of that tolerance that any value took.
"""

PROGRAMS = """\
## Step programs

The same models also run with their SimpleRNN, LSTM and GRU cells written as
[step programs](core/program/PROGRAMS.md) (`./dev conformance --as-programs`), compared with Keras
within the same tolerances. Cells with dropout or a rare activation stay as they are, and models
without any cell to write are left out. In the last run {passed} of {cases} cases of {features}
features passed, with seed {seed}. Each operation of programs is tested by itself, and
[models of ONNX](core/import/onnx/OPERATORS.md#models) run as programs beside ONNX Runtime.
"""


def read():
    return json.loads(DATA.read_text())


def render(document):
    """Returns the text of the page."""
    features = document["features"]
    total = {key: sum(f["result"][key] for f in features) for key in ("cases", "passed")}
    parts = [INTRODUCTION.format(keras=document["keras"], seed=document["seed"], **total)]
    families = dict.fromkeys(feature["family"] for feature in features)
    for family in families:
        parts += _family(family, [f for f in features if f["family"] == family])
    parts.append(PROGRAMS.format(**document["as_programs"]))
    parts += _tolerances(features)
    parts += _deviations(document)
    return "\n".join(parts)


def _family(family, features):
    lines = [f"## {family}", "", "| | options | cases passed | largest error | of tolerance |"]
    lines.append("|---|---|---|---|---|")
    for feature in features:
        result = feature["result"]
        passed = f"{result['passed']} of {result['cases']}"
        about = f"**{feature['title']}**: {feature['about']}"
        options = ", ".join(feature["options"])
        error = f"{result['largest_error']:.1e}" if result["passed"] else "not there yet"
        share = f"{100 * result['of_tolerance']:.0f} %" if result["passed"] else ""
        lines.append(f"| {about} | {options} | {passed} | {error} | {share} |")
    return [*lines, ""]


def _tolerances(features):
    wider = [feature for feature in features if feature["tolerance"]["reason"]]
    if not wider:
        return []
    lines = ["## Wider tolerances", ""]
    for feature in wider:
        tolerance = feature["tolerance"]
        width = f"{tolerance['absolute']:g} plus {tolerance['relative']:g} of the value"
        if tolerance["standard_errors"]:
            width = f"{tolerance['standard_errors']:g} standard errors"
        lines += _bullet(f"**{feature['title']}**: {width}. {tolerance['reason']}")
    return [*lines, ""]


def _deviations(document):
    """Lists each deviation once, with the features that it belongs to."""
    features_of = {}
    for feature in document["features"]:
        for deviation in feature["deviations"]:
            key = (deviation["what"], deviation["reason"])
            features_of.setdefault(key, []).append(feature["title"])
    lines = ["## Where rnnserve differs from Keras", ""]
    for deviation in document["deviations"]:
        lines += _bullet(f"**{deviation['what']}** {deviation['reason']}")
    for (what, reason), titles in features_of.items():
        lines += _bullet(f"{'; '.join(titles)}: **{what}** {reason}")
    return [*lines, ""]


def _bullet(text):
    return textwrap.wrap(text, 100, initial_indent="- ", subsequent_indent="  ")


def declared_features():
    """Returns the names that the modules of features/ register, without running them."""
    names = []
    for path in sorted((HERE / "features").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "feature":
                names.append(node.args[0].value)
    return names


def differences():
    """Returns what is wrong with the committed page and its data, as a list of sentences."""
    document = read()
    found = []
    declared = set(declared_features())
    listed = {feature["name"] for feature in document["features"]}
    if declared != listed:
        found.append(f"supported.json lists other features than the code: {declared ^ listed}")
    if PAGE.read_text() != render(document):
        found.append("SUPPORTED.md is not what supported.json makes")
    return found


def main():
    if sys.argv[1:] == ["--check"]:
        found = differences()
        for sentence in found:
            print(f"{sentence}; run ./dev conformance --write-page", file=sys.stderr)
        return 1 if found else 0
    PAGE.write_text(render(read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
