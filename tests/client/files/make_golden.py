# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes golden/*.npy with NumPy (client/python/requirements.txt); npy_test.cc reads them."""

import pathlib

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
VALUES = [[1.5, -0.25, 3.0], [1e-30, 65504.0, -7.0]]
ARRAYS = {
    "float32": np.array(VALUES, "<f4"),
    "float64": np.array([[0.1, -2.0]], "<f8"),
    "int32": np.array([7, -8, 2**31 - 1], "<i4"),
    "int64": np.array([[1, -(2**40)]], "<i8"),
    "float32_3d": np.arange(12, dtype="<f4").reshape(2, 3, 2),
    "scalar": np.array(2.5, "<f4"),
    "empty": np.zeros((0, 3), "<f4"),
    "fortran": np.asfortranarray(np.array(VALUES, "<f4")),
    "big_endian": np.array(VALUES, ">f4"),
    "bool": np.array([True, False]),
    "record": np.zeros(2, [("a", "<f4")]),
}


def main():
    GOLDEN.mkdir(exist_ok=True)
    for name, array in ARRAYS.items():
        np.save(GOLDEN / f"{name}.npy", array)
    for version in (2, 3):
        with open(GOLDEN / f"version_{version}.npy", "wb") as file:
            np.lib.format.write_array(file, ARRAYS["float32"], version=(version, 0))


if __name__ == "__main__":
    main()
