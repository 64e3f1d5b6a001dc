# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes core/import/onnx/OPERATORS.md from supported.json.

usage: page.py [--check]    (standard library only; --check writes nothing and prints differences)
"""

import json
import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = HERE / "supported.json"
CONVERTERS = ROOT / "core/import/onnx/ops"
PAGE = ROOT / "core/import/onnx/OPERATORS.md"

INTRODUCTION = """\
# Operators of ONNX

This page is generated from the results of `./dev conformance --onnx --write-page`; do not edit it.

Operator sets 7 and later are read. Each operator below is measured with the node tests that the
ONNX project ships with its Python package ({onnx}): the graph of each test becomes a step program,
which is run by the interpreter and as a compiled program, and every output is compared with what
the test expects. A result counts as equal if it is within 2e-6 plus 1e-5 of the value; where a test
has numbers of 16 bits, within 1e-3 (float16) or 8e-3 (bfloat16).
[How it works](../../../tests/onnx/README.md).

In the last run {passed} tests passed, {refused} were refused, and none gave another result.
{graphs} random graphs of {graph_operators} operators agreed with ONNX Runtime {onnxruntime}. So did
{recurrences} random models that run LSTM, GRU, RNN and Scan over whole sequences in any direction, with
lengths of rows, initial states and all attributes, served by the real server; {recurrences_stepped}
of them can be stepped, and ran for {steps} steps.

`Constant`, `If`, `Loop`, `Scan` and functions of a file are taken apart at import. Shapes, axes and
other operands that say what is computed must be known then; everything that does not depend on the
inputs and states is. Floats of any width are computed as float32, integers as int32.
"""

MODELS = """\
## Models

Each ran for {steps} steps beside ONNX Runtime, with its states fed back; where it says "served", in
sessions of the real server, in parts of random lengths: several sessions on one stream, unary steps,
and several sessions in each `StepSessions`. A step counts as equal if every element is within 2e-6
plus 1e-5 of the largest one of its tensor, and a state after all steps of a session within ten times
that.

| model | largest error |
|---|---|
"""

# Taken apart before the converters are asked.
CONTROL = ("If", "Loop", "Scan")

# How refusals are told apart, in this order: (pattern, what the page says).
REASONS = (
    (r"must not depend on the inputs and states", "operands that are computed from the inputs"),
    (r"number of passes depends", "a computed number of passes"),
    (r"\(Cast, .*a cast to element type|DTYPE_UNSUPPORTED", "types of 8 bits or fewer"),
    (r"windows over more than two axes", "windows over three axes"),
    (r"training_mode", "training"),
    (r"output 1, the indices of the maxima", "the indices of the maxima"),
    (r"tf_crop_and_resize", "tf_crop_and_resize"),
    (r"antialias", "antialias"),
    (r"align_corners", "align_corners with a scale that gives no whole number"),
    (r"every extent must be|no elements|without elements", "tensors without elements"),
    (r"it holds -?inf|it holds nan", "infinite numbers in the file"),
    (r"operator set 1;", "operator set 1"),
    (r"sequence, a map or nothing|is no tensor", "sequences, maps and optional values"),
    (r"texts or complex", "texts and complex numbers"),
    (r"Scan of opset 8", "the Scan of operator set 8"),
    (r"operand 0 is int32|takes float32", "integers"),
    (r"OPERATOR_UNSUPPORTED: not supported: '", "other operators inside"),
)


def reason_of(text):
    for pattern, what in REASONS:
        if re.search(pattern, text):
            return what
    return "other options"


def operators_of(results):
    """Returns the rows of the table, as {name, passed, refused, reasons}, sorted by name."""
    rows = {}
    for result in results:
        row = rows.setdefault(
            result.operator, {"name": result.operator, "passed": 0, "refused": 0, "reasons": []}
        )
        row[result.status] = row.get(result.status, 0) + 1
        if result.status == "refused":
            reason = reason_of(result.text)
            row["reasons"] = sorted({*row["reasons"], reason})
    return [rows[name] for name in sorted(rows, key=str.lower)]


def render(document):
    """Returns the text of the page."""
    rows = document["operators"]
    totals = {key: sum(row[key] for row in rows) for key in ("passed", "refused")}
    lines = [INTRODUCTION.format(**document, **totals)]
    lines += ["| operator | tests passed | refused | because of |", "|---|---|---|---|"]
    served = {*converters(), *CONTROL}
    for row in rows:
        if row["name"] in served:
            cells = [row["name"], row["passed"], row["refused"] or "", "; ".join(row["reasons"])]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    without = sorted(served - {row["name"] for row in rows})
    lines += ["", f"Served, but without a test of their own: {', '.join(without)}.", ""]
    if document["models"]:
        lines.append(MODELS.format(**document).rstrip("\n"))
        lines += [f"| {m['name']} | {m['largest_error']:.1e} |" for m in document["models"]]
        lines.append("")
    others = [row for row in rows if row["name"] not in served]
    bodies = [f"{row['name']} ({row['passed']})" for row in others if row["passed"]]
    missing = [row["name"] for row in others if not row["passed"]]
    lines += ["## Not supported", "", *_wrapped(f"{', '.join(missing)}."), ""]
    lines += _wrapped(
        "ONNX also defines these operators as functions of others. As nodes they are not served,"
        " but such a function in the file is, as far as its tests pass (in brackets how many do): "
        f"{', '.join(bodies)}."
    )
    return "\n".join([*lines, ""])


def _wrapped(text):
    return textwrap.wrap(text, 100, break_on_hyphens=False)


def converters():
    """Returns the names that the tables of core/import/onnx/ops list."""
    names = set()
    for path in CONVERTERS.glob("*.cc"):
        table = path.read_text().partition("constexpr NamedConverter kConverters[] = {")[2]
        names |= set(re.findall(r'\{"(\w+)",', table))
    return sorted(names)


def differences():
    """Returns what is wrong with the committed page and its data, as a list of sentences."""
    document = json.loads(DATA.read_text())
    found = []
    if PAGE.read_text() != render(document):
        found.append("OPERATORS.md is not what supported.json makes")
    passed = {row["name"] for row in document["operators"] if row["passed"]}
    tested = {row["name"] for row in document["operators"]}
    for name in converters():
        if name in tested and name not in passed:
            found.append(f"no test of '{name}' passes")
    return found


def main():
    if sys.argv[1:] == ["--check"]:
        found = differences()
        for sentence in found:
            print(f"{sentence}; run ./dev conformance --onnx --write-page", file=sys.stderr)
        return 1 if found else 0
    PAGE.write_text(render(json.loads(DATA.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
