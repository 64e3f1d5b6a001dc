// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_COLUMNS_H_
#define RNNSERVE_CORE_KERNELS_COLUMNS_H_

#include <Eigen/Core>
#include <cstdint>
#include <type_traits>

namespace rnnserve {

// A column of `rows` values takes PaddedRows(rows) floats: `rows` rounded up to a cache line, which
// is also the widest vector register. Loops over whole padded columns have no remainder loop, so
// element i is computed by the same instructions wherever its column is. This is one of the two
// reasons why a row's result does not depend on its batch; the order of sums is the other
// (product.h).
constexpr int64_t kColumnQuantum = 16;
constexpr int64_t PaddedRows(int64_t rows) {
  return (rows + kColumnQuantum - 1) / kColumnQuantum * kColumnQuantum;
}

// A view of a batch in memory. Column b holds `rows` values of batch row b, so a "row" of a batch,
// as clients and layers call it, is a "column" in the kernels.
//
//            b=0   b=1   b=2
//          +-----+-----+-----+
//   row 0  |     |     |     |     column(b) is contiguous and starts at a multiple of 64 bytes.
//   row 1  |     |     |     |     Padding follows up to PaddedRows(rows). It may be written, and
//   ...    |     |     |     |     no result may depend on it. Columns are `stride` floats apart.
//   pad    |.....|.....|.....|
//          +-----+-----+-----+
//
// Owns nothing. A value type: copy freely.
template <typename T>
struct BasicColumns {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  using Scalar = std::remove_const_t<T>;
  using Array =
      std::conditional_t<std::is_const_v<T>, const Eigen::Array<Scalar, Eigen::Dynamic, 1>,
                         Eigen::Array<Scalar, Eigen::Dynamic, 1>>;
  using Vector = std::conditional_t<std::is_const_v<T>, const Eigen::VectorXf, Eigen::VectorXf>;

  T* column(int64_t b) const { return data + b * stride; }

  // Returns the values of column b without padding.
  Eigen::Map<Vector, Eigen::Aligned64> vector(int64_t b) const { return {column(b), rows}; }

  // Returns column b with its padding, for elementwise formulas.
  Eigen::Map<Array, Eigen::Aligned64> padded(int64_t b) const {
    return {column(b), PaddedRows(rows)};
  }

  // Returns the rows [first, first + count) of every column. REQUIRES: first is a multiple of
  // kColumnQuantum.
  BasicColumns Rows(int64_t first, int64_t count) const {
    return {data + first, count, cols, stride};
  }

  // Returns block `index` of columns that stack blocks of `units` values, each padded (see Matrix).
  BasicColumns Block(int64_t index, int64_t units) const {
    return Rows(index * PaddedRows(units), units);
  }

  // Returns the columns [first, first + count).
  BasicColumns Slice(int64_t first, int64_t count) const {
    return {data + first * stride, rows, count, stride};
  }

  operator BasicColumns<const T>() const { return {data, rows, cols, stride}; }  // NOLINT: a view
};

using Columns = BasicColumns<float>;
using ConstColumns = BasicColumns<const float>;

// Returns `cols` columns that all share the memory of `column`, [rows], so every batch row has the
// same values.
inline ConstColumns EveryColumn(const float* column, int64_t rows, int64_t cols) {
  return {column, rows, cols, /*stride=*/0};
}

// Returns the number of floats that `cols` columns of `rows` values take.
constexpr int64_t ColumnsSize(int64_t rows, int64_t cols) { return PaddedRows(rows) * cols; }

// Takes columns from the front of a scratch buffer: returns a view of the next ColumnsSize(rows,
// cols) floats of `memory` and advances `memory` past them. REQUIRES: memory is aligned to 64
// bytes.
inline Columns TakeColumns(float*& memory, int64_t rows, int64_t cols) {
  const Columns taken{memory, rows, cols, PaddedRows(rows)};
  memory += ColumnsSize(rows, cols);
  return taken;
}

// Copies `from` to `to`, padding included. REQUIRES: both have the same rows and columns.
inline void Copy(ConstColumns from, Columns to) {
  for (int64_t b = 0; b < from.cols; ++b) to.padded(b) = from.padded(b);
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_COLUMNS_H_
