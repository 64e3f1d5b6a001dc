// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_COLUMNS_H_
#define RNNSERVE_CORE_KERNELS_COLUMNS_H_

#include <Eigen/Core>
#include <cstdint>
#include <type_traits>

namespace rnnserve {

// How many floats one column of `rows` values takes: rounded up to a cache line. Loops over whole
// padded columns have no remainder, so element i is computed by the same instructions wherever its
// column stands; this is half of why a row's result does not depend on its batch.
constexpr int64_t kColumnQuantum = 16;
constexpr int64_t PaddedRows(int64_t rows) {
  return (rows + kColumnQuantum - 1) / kColumnQuantum * kColumnQuantum;
}

// A view of a batch: column b holds `rows` values of batch row b.
//
//            b=0   b=1   b=2
//          +-----+-----+-----+
//   row 0  |     |     |     |     column(b) is contiguous and begins at a multiple of 64 bytes;
//   row 1  |     |     |     |     it is followed by padding up to PaddedRows(rows), which may be
//   ...    |     |     |     |     written and must not be read as a value;
//   pad    |.....|.....|.....|     columns are `stride` floats apart.
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

  // The values of column b, without padding.
  Eigen::Map<Vector, Eigen::Aligned64> vector(int64_t b) const { return {column(b), rows}; }

  // Column b with its padding: for elementwise formulas.
  Eigen::Map<Array, Eigen::Aligned64> padded(int64_t b) const {
    return {column(b), PaddedRows(rows)};
  }

  // `count` rows from `first` of every column. REQUIRES: first is a multiple of kColumnQuantum.
  BasicColumns Rows(int64_t first, int64_t count) const {
    return {data + first, count, cols, stride};
  }

  // Block `index` of columns that stack blocks of `units` values, each padded (see Matrix).
  BasicColumns Block(int64_t index, int64_t units) const {
    return Rows(index * PaddedRows(units), units);
  }

  // `count` columns from `first` on.
  BasicColumns Slice(int64_t first, int64_t count) const {
    return {data + first * stride, rows, count, stride};
  }

  operator BasicColumns<const T>() const { return {data, rows, cols, stride}; }  // NOLINT: a view
};

using Columns = BasicColumns<float>;
using ConstColumns = BasicColumns<const float>;

// The same column for every batch row: `cols` columns that are all `column`, [rows].
inline ConstColumns EveryColumn(const float* column, int64_t rows, int64_t cols) {
  return {column, rows, cols, /*stride=*/0};
}

// The floats that `cols` columns of `rows` values take.
constexpr int64_t ColumnsSize(int64_t rows, int64_t cols) { return PaddedRows(rows) * cols; }

// Columns over the next ColumnsSize(rows, cols) floats of `memory`, which moves on behind them: how
// scratch is divided. REQUIRES: memory is aligned to 64 bytes.
inline Columns TakeColumns(float*& memory, int64_t rows, int64_t cols) {
  const Columns taken{memory, rows, cols, PaddedRows(rows)};
  memory += ColumnsSize(rows, cols);
  return taken;
}

// to := from, padding included. REQUIRES: as many rows and columns.
inline void Copy(ConstColumns from, Columns to) {
  for (int64_t b = 0; b < from.cols; ++b) to.padded(b) = from.padded(b);
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_COLUMNS_H_
