# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps of public ONNX models with states beside ONNX Runtime, in process, on one thread.

usage: tests/onnx/run --script tests/bench/onnx/onnx_bench.py --build BUILD [--isa NAME]
                      [--only TEXT] [--json FILE] [--check]

One timestep of 1, 4 and 16 rows of every model of tests/onnx/models.py, by onnx_bench.cc, which says
what is compared. Where a graph has no batch axis, ONNX Runtime is called for each row. With --check
the exit code is 1 if a public model or the policy is slower than ONNX Runtime, or if the median of
their ratios is below 2. The cells of tests/onnx/exported have 5 inputs and a few units, so they show
what a call costs; they have no goal.

--isa avx2: both sides. ONNX Runtime has no option for that. It asks the processor, with `xgetbv`,
which registers the system saves, so it gets a copy of its library in which the answer leaves out
those of AVX-512.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests/onnx"))
import models  # noqa: E402  (found by the path above)

BATCHES = (1, 4, 16)
FASTER_GOAL = 1.0  # of each row
MEDIAN_GOAL = 2.0
# A measurement of so small a difference is not one.
NOISE = 0.02
XGETBV = b"\x0f\x01\xd0"  # edx:eax := the registers that the system saves
# mov al, 7; nop: x87, SSE and AVX. The bits of AVX-512 are in al too.
ONLY_AVX = b"\xb0\x07\x90"


def library():
    folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
    return next(iter(sorted(folder.glob("libonnxruntime.so.*"))))


def library_without_avx512(original, folder):
    """Returns a copy of the library that believes that the system does not save the registers of
    AVX-512."""
    code = bytearray(original.read_bytes())
    listing = subprocess.run(["objdump", "--disassemble", "--wide", str(original)],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    addresses = [int(line.partition(":")[0], 16) for line in listing.splitlines()
                 if line.rstrip().endswith("xgetbv")]
    headers = subprocess.run(["objdump", "--section-headers", "--wide", str(original)],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    fields = next(line.split() for line in headers.splitlines() if " .text " in line)
    offset = int(fields[5], 16) - int(fields[3], 16)  # of the file, from an address
    for address in addresses:
        place = address + offset
        if code[place:place + 3] != XGETBV:
            raise SystemExit(f"{original} has no xgetbv at {address:#x}")
        code[place:place + 3] = ONLY_AVX
    if not addresses:
        raise SystemExit(f"{original} does not ask for the registers that the system saves")
    copy = pathlib.Path(folder) / original.name
    copy.write_bytes(code)
    return copy


def measure(options, model, proto, runtime, folder):
    """Returns the lines of onnx_bench for a model."""
    file = pathlib.Path(folder) / "model.onnx"
    onnx.save(proto, file)
    command = [options.build / "bench/onnx_bench", file, "--onnxruntime", runtime, *model.flags]
    for name, value in model.fixed.items():
        command += ["--set", f"{name}={value}"]
    if options.isa:
        command += ["--isa", options.isa]
    if model.has_magnitudes:
        command += ["--magnitudes", "1"]
    for batch in BATCHES:
        command += ["--batch", batch]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{model.name}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_public(model):
    """Returns whether a model has a goal: not the small cells that were exported for tests."""
    return not model.file or not (models.EXPORTED / model.file).exists()


def row_of(model, line):
    ratios = line["ratios"]
    ratio = statistics.median(ratios)
    calls = "" if line["calls"] == 1 else f", {line['calls']} calls"
    is_slower = is_public(model) and ratio < FASTER_GOAL - NOISE
    print(f"{model.name:40} {line['batch']:3} {line['ours_us']:9.1f} {line['theirs_us']:9.1f} "
          f"{ratio:6.2f} ({min(ratios):.2f} to {max(ratios):.2f}{calls})"
          f"{'   MISSED' if is_slower else ''}", flush=True)
    return {"model": model.name, "ratio": ratio, "has_goal": is_public(model), **line}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=pathlib.Path, help="a folder with the public models")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--isa", choices=["avx2", "avx512"], help="the instruction set of both sides")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    print(f"{'model':40} {'B':>3} {'ours us':>9} {'ONNX RT':>9} {'ratio':>6}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        runtime = library()
        if options.isa == "avx2":
            runtime = library_without_avx512(runtime, folder)
        for model in models.MODELS:
            proto = models.load(model, options.models) if options.only in model.name else None
            if proto is not None:
                rows += [row_of(model, line)
                         for line in measure(options, model, proto, runtime, folder)]
    ratios = [row["ratio"] for row in rows if row["has_goal"]] or [float("inf")]
    median, slowest = statistics.median(ratios), min(ratios)
    is_met = median >= MEDIAN_GOAL and slowest >= FASTER_GOAL - NOISE
    print(f"median ratio {median:.2f} (goal {MEDIAN_GOAL}), slowest {slowest:.2f} (goal "
          f"{FASTER_GOAL}), ONNX Runtime {onnxruntime.__version__}: {'met' if is_met else 'MISSED'}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 1 if options.check and not is_met else 0


if __name__ == "__main__":
    sys.exit(main())
