#!/usr/bin/env python3
# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes numpy_cases.json: every operation of step programs as NumPy computes it.

    python3 -m venv build/numpy && build/numpy/bin/pip install -r tests/core/program/golden/requirements.txt
    build/numpy/bin/python tests/core/program/golden/numpy_cases.py

Where NumPy has no such operation (convolutions, pools), plain loops here stand for it. Functions are
computed in float64 and rounded once. With --check, writes nothing and fails if the file differs.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).with_name("numpy_cases.json")
F, I, B = np.float32, np.int32, np.bool_
TYPES = {np.dtype(F): "float32", np.dtype(I): "int32", np.dtype(B): "bool"}
NAN, INF = math.nan, math.inf
cases = []


def element(value, dtype):
    if dtype == B:
        return bool(value)
    if dtype == I:
        return int(value)
    value = float(value)
    if math.isnan(value):
        return "nan"
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def tensor(array):
    array = np.asarray(array)
    return {"type": TYPES[array.dtype], "shape": list(array.shape),
            "values": [element(value, array.dtype) for value in array.ravel()]}


def case(about, op, operands, results, **attributes):
    """Adds a case. `results` is an array, or a tuple of them."""
    results = results if isinstance(results, tuple) else (results,)
    cases.append({"about": about, "op": op, "operands": [tensor(o) for o in operands],
                  "attributes": attributes, "results": [tensor(r) for r in results]})


def f(values):
    return np.array(values, F)


def i(values):
    return np.array(values, I)


def b(values):
    return np.array(values, B)


random = np.random.default_rng(19)


def real(*shape):
    return random.uniform(-2, 2, shape).astype(F)


def whole(*shape):
    return random.integers(-5, 6, shape).astype(I)


def unary():
    special = [0.0, -0.0, INF, -INF, NAN]
    everywhere = [-30.0, -4.5, -1.5, -0.5, -1e-4, 1e-4, 0.5, 1.5, 2.5, 4.0, 30.0]
    positive = [1e-4, 0.25, 0.5, 1.0, 2.0, 30.0, 1e30]
    inside = [-1.0, -0.75, -1e-4, 1e-4, 0.5, 1.0]
    erf = np.vectorize(math.erf)
    erfc = np.vectorize(math.erfc)

    def sigmoid(x):
        return np.exp(-np.logaddexp(0, -x))

    functions = {
        "neg": (np.negative, everywhere), "abs": (np.abs, everywhere), "sign": (np.sign, everywhere),
        "exp": (np.exp, everywhere + [89.0, -104.0]), "expm1": (np.expm1, everywhere),
        "log": (np.log, positive + [-1.0]), "log1p": (np.log1p, positive + [-0.5, -1.0, -2.0]),
        "sqrt": (np.sqrt, positive + [-1.0]),
        "rsqrt": (lambda x: 1 / np.sqrt(x), positive + [-1.0]), "square": (np.square, everywhere),
        "sin": (np.sin, everywhere), "cos": (np.cos, everywhere), "tan": (np.tan, everywhere),
        "asin": (np.arcsin, inside + [2.0]), "acos": (np.arccos, inside + [2.0]),
        "atan": (np.arctan, everywhere), "sinh": (np.sinh, everywhere),
        "cosh": (np.cosh, everywhere), "asinh": (np.arcsinh, everywhere),
        "acosh": (np.arccosh, [1.0, 1.5, 30.0, 0.5]), "atanh": (np.arctanh, inside + [2.0]),
        "tanh": (np.tanh, everywhere), "sigmoid": (sigmoid, everywhere + [-100.0, 100.0]),
        "softplus": (lambda x: np.logaddexp(0, x), everywhere + [-100.0, 100.0]),
        "log_sigmoid": (lambda x: -np.logaddexp(0, -x), everywhere + [-100.0, 100.0]),
        "silu": (lambda x: np.where(x == -INF, -0.0, x * sigmoid(x)), everywhere + [-100.0]),
        "gelu": (lambda x: np.where(x == -INF, -0.0, 0.5 * x * erfc(-x / math.sqrt(2))), everywhere),
        "relu": (lambda x: np.maximum(x, 0), everywhere), "erf": (erf, everywhere),
        "erfc": (erfc, everywhere), "floor": (np.floor, everywhere), "ceil": (np.ceil, everywhere),
        # Ties go to the even number.
        "round": (np.round, everywhere + [-2.5, 3.5, 0.49999997]),
    }
    for name, (function, points) in functions.items():
        x = f(points + special)
        case("at points and at the edges", name, [x], function(x.astype(np.float64)).astype(F))
    for name in ("neg", "abs", "sign", "square"):
        x = i([-3, 0, 7, 2**31 - 1, -(2**31), 65536])
        case("of integers, which wrap around", name, [x], functions[name][0](x))
    case("of integers", "relu", [i([-3, 0, 7])], i([0, 0, 7]))
    case("of all kinds", "is_finite", [f([0, NAN, INF, -INF, 3e38])], b([1, 0, 0, 0, 1]))
    case("of all kinds", "is_nan", [f([0, NAN, INF, -INF, 3e38])], b([0, 1, 0, 0, 0]))
    case("of both", "not", [b([0, 1])], b([1, 0]))


def binary():
    floats = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
              "max": np.maximum, "min": np.minimum, "rem": np.fmod, "mod": np.mod}
    x = f([5.5, -5.5, 5.5, -5.5, 0, -0.0, 1, -1, INF, NAN, 1, 7, -7, 1])
    y = f([2, 2, -2, -2, 3, 3, 0, 0, 2, 1, NAN, INF, INF, -INF])
    for name, function in floats.items():
        case("signs, zeros, infinities and NaN", name, [x, y], function(x, y))
    x = i([7, -7, 7, -7, 0, 5, -(2**31), 2**31 - 1, 65536])
    y = i([3, 3, -3, -3, 4, 0, -1, 1, 65536])
    wide_x, wide_y = x.astype(np.int64), y.astype(np.int64)
    divisor = np.where(wide_y == 0, 1, wide_y)
    towards_zero = np.where(wide_y == 0, 0, np.trunc(wide_x / divisor).astype(np.int64))
    integers = {"add": wide_x + wide_y, "sub": wide_x - wide_y, "mul": wide_x * wide_y,
                "div": towards_zero, "max": np.maximum(x, y), "min": np.minimum(x, y),
                "rem": np.where(y == 0, 0, np.fmod(wide_x, divisor)),
                "mod": np.where(y == 0, 0, np.mod(wide_x, divisor))}
    for name, result in integers.items():
        case("of integers, which wrap around; by zero it is 0", name, [x, y], result.astype(I))
    x = f([2, 2, -2, 0, 0, 9, -8, 1, INF, 0.5])
    y = f([3, -0.5, 3, 0, -1, 0.5, 0.5, NAN, -1, 100])
    case("signs, zeros and NaN", "pow", [x, y], np.power(x.astype(float), y).astype(F))
    x, y = f([1, 1, -1, -1, 0, 0, -0.0, 2]), f([1, -1, 1, -1, 1, -1, -1, 0])
    case("all quadrants", "atan2", [x, y], np.arctan2(x.astype(float), y).astype(F))
    compare = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
               "gt": np.greater, "ge": np.greater_equal}
    for name, function in compare.items():
        x, y = f([1, 2, 3, NAN, 0, INF]), f([2, 2, 2, NAN, -0.0, INF])
        case("NaN equals nothing", name, [x, y], function(x, y))
        x, y = i([1, 2, 3, 2**31 - 1]), i([2, 2, 2, 2**31 - 2])
        case("of integers that no float holds", name, [x, y], function(x, y))
    for name in ("eq", "ne"):
        x, y = b([0, 0, 1, 1]), b([0, 1, 0, 1])
        case("of truth values", name, [x, y], compare[name](x, y))
    for name, function in {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
        case("all pairs", name, [b([0, 0, 1, 1]), b([0, 1, 0, 1])],
             function(b([0, 0, 1, 1]), b([0, 1, 0, 1])))
    for shapes in (((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((4, 1, 2), (3, 1)), ((1,), ())):
        x, y = real(*shapes[0]), real(*shapes[1])
        case(f"broadcasts {shapes[0]} and {shapes[1]}", "sub", [x, y], x - y)
    c, x, y = b([[1], [0]]), real(3), real(2, 1)
    case("broadcasts all three", "where", [c, x, y], np.where(c, x, y))
    case("of integers", "where", [b([1, 0]), i([1, 2]), i(7)], i([1, 7]))
    case("does not look at the other branch", "where", [b([1, 0]), f([1, NAN]), f([INF, 2])],
         f([1, 2]))


def cast():
    x = f([1.9, -1.9, 0.5, -0.5, 0, 2147483520])
    case("cuts towards zero", "cast", [x], x.astype(I), type="int32")
    case("stops at the limits; NaN is 0", "cast", [f([3e9, -3e9, INF, -INF, NAN, -2147483648])],
         i([2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 0, -(2**31)]), type="int32")
    x = f([0, -0.0, 1e-30, -2, NAN, INF])
    case("all but zero is true", "cast", [x], x.astype(B), type="bool")
    x = i([0, 1, -5, 16777217, 2**31 - 1])
    case("rounds to the nearest float", "cast", [x], x.astype(F), type="float32")
    case("all but zero is true", "cast", [x], x.astype(B), type="bool")
    case("0 and 1", "cast", [b([0, 1])], f([0, 1]), type="float32")
    case("0 and 1", "cast", [b([0, 1])], i([0, 1]), type="int32")
    case("stays the same", "cast", [f([1.5])], f([1.5]), type="float32")


def moves():
    x = real(2, 3, 4)
    case("keeps the order", "reshape", [x], x.reshape(4, 6), shape=[4, 6])
    case("to a scalar", "reshape", [f([[3]])], f(3), shape=[])
    case("of three axes", "transpose", [x], x.transpose(2, 0, 1), perm=[2, 0, 1])
    y = real(3, 1)
    case("adds axes and repeats", "broadcast", [y], np.broadcast_to(y, (2, 3, 4)), shape=[2, 3, 4])
    case("with steps", "slice", [x], x[1:2, 0:3:2, 1:4:2], slices=[[1, 2], [0, 3, 2], [1, 4, 2]])
    case("backwards to the first", "slice", [x], x[::-1, 2:0:-1, ::-3],
         slices=[[1, -1, -1], [2, 0, -1], [3, -1, -3]])
    parts = [real(2, 1), real(2, 3), real(2, 2)]
    case("along the last axis", "concat", parts, np.concatenate(parts, 1), axis=1)
    parts = [whole(1, 2), whole(3, 2)]
    case("along the first axis", "concat", parts, np.concatenate(parts, 0), axis=0)
    y = real(3, 4)
    case("with a value", "pad", [y, f(9)], np.pad(y, [(1, 0), (0, 2)], constant_values=9),
         pads=[[1, 0], [0, 2]])
    case("reflect", "pad", [y], np.pad(y, [(2, 1), (3, 3)], "reflect"), pads=[[2, 1], [3, 3]],
         mode="reflect")
    case("edge", "pad", [y], np.pad(y, [(2, 1), (0, 5)], "edge"), pads=[[2, 1], [0, 5]], mode="edge")
    index = i([[2, 0], [1, 2]])
    case("with a matrix of indices", "gather", [x, index], np.take(x, index, 1), axis=1)
    case("with a scalar index", "gather", [x, i(3)], np.take(x, 3, 2), axis=2)
    index = i([-3, 0, 1, 7])
    case("counts indices out of range as the nearest", "take", [x, index],
         np.take(x, index, 0, mode="clip"), axis=0)
    index = i([[5, -1, 0, 1], [2, 1, 1, 0]])
    case("counts indices out of range as the nearest", "take_along", [y, index],
         np.take_along_axis(y, np.clip(index, 0, 2), 0), axis=0)
    index = i([[3], [0], [2]])
    case("with fewer indices", "take_along", [y, index], np.take_along_axis(y, index, 1), axis=1)
    z = y.copy()
    part = real(2, 2)
    z[1:3, 2:4] = part
    case("writes a part", "update", [y, part], z, starts=[1, 2])
    z = f([[1, 2, 3], [4, 5, 6]])
    index, updates = i([[0, 0], [9, -9]]), f([[10, 20], [30, 40]])
    case("the later of two wins", "scatter_along", [z, index, updates],
         f([[20, 2, 3], [40, 5, 30]]), axis=1)


def reductions():
    x, n = real(2, 3, 4), whole(2, 3, 4)
    for name, function in {"reduce_sum": np.sum, "reduce_max": np.max, "reduce_min": np.min,
                           "reduce_prod": np.prod}.items():
        for axes in ([0], [1], [2], [0, 2], [2, 1, 0]):
            case(f"along {axes}", name, [x], function(x.astype(float), tuple(axes)).astype(F),
                 axes=axes)
        case("of integers", name, [n], function(n, (0, 1)).astype(I), axes=[0, 1])
        y = f([[1, NAN], [2, 3]])
        case("with NaN", name, [y], function(y, 1), axes=[1])
    y = b([[0, 0], [0, 1], [1, 1]])
    case("along the last axis", "reduce_any", [y], y.any(1), axes=[1])
    case("along the last axis", "reduce_all", [y], y.all(1), axes=[1])
    ties = f([[1, 3, 3], [2, NAN, 5], [-1, -1, -1]])
    for name, function in {"argmax": np.argmax, "argmin": np.argmin}.items():
        for axis in (0, 1):
            case("the first of equals, or the first NaN", name, [ties], function(ties, axis).astype(I),
                 axis=axis)
        case("of integers", name, [n], function(n, 1).astype(I), axis=1)
    y = f([[1, 2, 3], [4, 5, 6]])
    case("forwards", "cumsum", [y], f([[1, 3, 6], [4, 9, 15]]), axis=1)
    case("without the element itself", "cumsum", [y], f([[0, 1, 3], [0, 4, 9]]), axis=1,
         exclusive=True)
    case("backwards", "cumsum", [y], f([[5, 7, 9], [4, 5, 6]]), axis=0, reverse=True)
    case("backwards without the element itself", "cumsum", [y], f([[5, 3, 0], [11, 6, 0]]), axis=1,
         reverse=True, exclusive=True)
    case("of integers", "cumsum", [n], np.cumsum(n, 1).astype(I), axis=1)


def sorting():
    x = f([[3, NAN, 1, 3, -INF], [0, -0.0, 2, 1, 1]])
    order = np.argsort(x, 1, kind="stable")
    places = np.broadcast_to(i(range(5)), (2, 5))
    moved = np.take_along_axis(places, order, 1)
    case("NaN comes last, and equals keep their order", "sort", [x, places],
         (np.take_along_axis(x, order, 1), moved), axis=1)
    y = f([1, 3, NAN, 3, 2])
    case("descending, equals keep their order", "sort", [y, i(range(5)), b([1, 0, 0, 1, 1])],
         (f([NAN, 3, 3, 2, 1]), i([2, 1, 3, 4, 0]), b([0, 0, 1, 1, 1])), axis=0, descending=True)
    n = whole(4, 3)
    case("of integers along the first axis", "sort", [n], np.sort(n, 0), axis=0)
    case("the first of equals", "top_k", [y], (f([NAN, 3, 3]), i([2, 1, 3])), k=3)
    z = real(2, 6)
    order = np.argsort(-z, 1, kind="stable")[:, :2]
    case("of every row", "top_k", [z], (np.take_along_axis(z, order, 1), order.astype(I)), k=2)


def products():
    for equation, a, b_shape in (("a,ac->c", (5,), (5, 3)), ("a,ca->c", (5,), (3, 5)),
                                 ("ab,bc->ac", (2, 3), (3, 4)), ("a,b->ab", (2,), (3,)),
                                 ("a,a->", (4,), (4,)), ("hij,hj->hi", (2, 3, 4), (2, 4)),
                                 ("ab,ab->ab", (2, 3), (2, 3)), ("ab,cb->ca", (2, 3), (4, 3)),
                                 (",a->a", (), (3,)), ("abc,bca->", (2, 3, 4), (3, 4, 2))):
        x, y = real(*a), real(*b_shape)
        case(equation, "dot", [x, y],
             np.einsum(equation, x.astype(float), y.astype(float)).astype(F), equation=equation)


def windows(shape, size, strides, dilations, pads, visit):
    """Calls visit(indices of the result, taps, indices of the operand or None for padding)."""
    out = [(n + sum(p) - (k - 1) * d - 1) // s + 1
           for n, k, s, d, p in zip(shape, size, strides, dilations, pads)]
    for position in np.ndindex(*out):
        for tap in np.ndindex(*size):
            source = [p * s - pad[0] + t * d
                      for p, s, pad, t, d in zip(position, strides, pads, tap, dilations)]
            inside = all(0 <= at < n for at, n in zip(source, shape))
            visit(position, tap, tuple(source) if inside else None)
    return out


def conv(x, kernel, strides, dilations, pads, groups):
    sums = {}

    def visit(position, tap, source):
        for out in range(kernel.shape[0]):
            group = out // (kernel.shape[0] // groups)
            for c in range(kernel.shape[1]):
                value = 0.0 if source is None else float(x[(group * kernel.shape[1] + c, *source)])
                at = (out, *position)
                sums[at] = sums.get(at, 0.0) + value * float(kernel[(out, c, *tap)])

    out = windows(x.shape[1:], kernel.shape[2:], strides, dilations, pads, visit)
    result = np.zeros((kernel.shape[0], *out), F)
    for at, value in sums.items():
        result[at] = value
    return result


def conv_transpose(x, kernel, strides, dilations, pads, output_pads, groups):
    full = [(n - 1) * s + (k - 1) * d + 1 + o for n, s, k, d, o in
            zip(x.shape[1:], strides, kernel.shape[2:], dilations, output_pads)]
    result = np.zeros((kernel.shape[1] * groups, *full))
    for c in range(x.shape[0]):
        group = c // (x.shape[0] // groups)
        for out in range(kernel.shape[1]):
            for position in np.ndindex(*x.shape[1:]):
                for tap in np.ndindex(*kernel.shape[2:]):
                    at = [p * s + t * d for p, s, t, d in zip(position, strides, tap, dilations)]
                    result[(group * kernel.shape[1] + out, *at)] += (
                        float(x[(c, *position)]) * float(kernel[(c, out, *tap)]))
    cut = tuple(slice(low, size - high) for (low, high), size in zip(pads, full))
    return result[(slice(None), *cut)].astype(F)


def pool(x, size, strides, dilations, pads, is_max):
    result = {}

    def visit(position, tap, source):
        for c in range(x.shape[0]):
            at = (c, *position)
            value = (-INF if is_max else 0.0) if source is None else float(x[(c, *source)])
            before = result.get(at, -INF if is_max else 0.0)
            result[at] = np.maximum(before, value) if is_max else before + value

    out = windows(x.shape[1:], size, strides, dilations, pads, visit)
    array = np.zeros((x.shape[0], *out), F)
    for at, value in result.items():
        array[at] = value
    return array


def windowed():
    for about, x, kernel, strides, dilations, pads, groups in (
            ("one axis", (2, 7), (3, 2, 3), [1], [1], [[0, 0]], 1),
            ("one axis, all options", (4, 9), (6, 2, 3), [2], [2], [[2, 1]], 2),
            ("each channel alone", (3, 5), (3, 1, 2), [1], [1], [[1, 0]], 3),
            ("two axes", (2, 4, 5), (3, 2, 2, 3), [1, 1], [1, 1], [[0, 0], [0, 0]], 1),
            ("two axes, all options", (4, 6, 7), (2, 2, 2, 3), [2, 1], [1, 2], [[1, 0], [2, 1]], 2),
            ("a kernel of one element", (2, 3), (2, 2, 1), [2], [1], [[0, 0]], 1)):
        x, kernel = real(*x), real(*kernel)
        case(about, "conv", [x, kernel], conv(x, kernel, strides, dilations, pads, groups),
             strides=strides, dilations=dilations, pads=pads, groups=groups)
    for about, x, kernel, strides, dilations, pads, output_pads, groups in (
            ("one axis", (2, 4), (2, 3, 3), [2], [1], [[0, 0]], [0], 1),
            ("one axis, all options", (4, 5), (4, 3, 3), [3], [2], [[1, 2]], [2], 2),
            ("two axes", (2, 3, 2), (2, 1, 2, 3), [1, 2], [1, 1], [[0, 0], [1, 0]], [0, 1], 1),
            ("two axes, all options", (2, 3, 4), (2, 2, 3, 2), [2, 3], [2, 1], [[2, 1], [0, 1]],
             [1, 2], 2)):
        x, kernel = real(*x), real(*kernel)
        case(about, "conv_transpose", [x, kernel],
             conv_transpose(x, kernel, strides, dilations, pads, output_pads, groups),
             strides=strides, dilations=dilations, pads=pads, output_pads=output_pads, groups=groups)
    for name in ("max_pool", "sum_pool"):
        for about, shape, size, strides, dilations, pads in (
                ("one axis", (2, 6), [2], [2], [1], [[0, 0]]),
                ("one axis, all options", (2, 7), [3], [2], [2], [[3, 1]]),
                ("two axes", (2, 5, 4), [2, 3], [1, 2], [1, 1], [[1, 0], [0, 2]]),
                ("a window of padding alone", (1, 1), [2], [1], [2], [[1, 1]])):
            x = real(*shape) - 3  # so that padding with zeros would show in a maximum
            case(about, name, [x], pool(x, size, strides, dilations, pads, name == "max_pool"),
                 size=size, strides=strides, dilations=dilations, pads=pads)
    x = f([[1, NAN, 3, 4]])
    case("with NaN", "max_pool", [x], f([[NAN, NAN, 4]]), size=[2])


def main():
    with np.errstate(all="ignore"):
        for part in (unary, binary, cast, moves, reductions, sorting, products, windowed):
            part()
    lines = ",\n".join(json.dumps(one) for one in cases)
    text = f"[\n{lines}\n]\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if OUT.read_text() == text else f"{OUT} differs")
    OUT.write_text(text)
    print(f"{len(cases)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
