// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_COLUMN_GRID_H_
#define RNNSERVE_CORE_KERNELS_COLUMN_GRID_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// Columns of a batch (columns.h) of which each row has several, such as the positions of a
// convolution. Column i of row b is at data + b * row_stride + offsets[i]; columns may overlap. They
// are counted row by row: first all columns of row 0.
//
// Owns nothing. A value type: copy freely.
template <typename T>
struct BasicColumnGrid {
  T* data = nullptr;
  int64_t rows = 0;  // values of a column
  int64_t row_stride = 0;
  absl::Span<const int32_t> offsets;

  T* column(int64_t row, int64_t i) const {
    return data + row * row_stride + offsets[static_cast<size_t>(i)];
  }

  int64_t columns_of_row() const { return static_cast<int64_t>(offsets.size()); }

  // Returns column i of all rows of a batch.
  BasicColumns<T> OfAllRows(int64_t i, int64_t batch) const {
    return {column(0, i), rows, batch, row_stride};
  }

  operator BasicColumnGrid<const T>() const {  // NOLINT: a view
    return {data, rows, row_stride, offsets};
  }
};

using ColumnGrid = BasicColumnGrid<float>;
using ConstColumnGrid = BasicColumnGrid<const float>;

// Returns the columns as a grid with one column for each row.
template <typename T>
BasicColumnGrid<T> AsGrid(const BasicColumns<T>& columns) {
  static constexpr int32_t kFirst[] = {0};
  return {columns.data, columns.rows, columns.stride, kFirst};
}

// Walks through the columns of a grid from the one with number `first` on.
class GridPlace {
 public:
  GridPlace(int64_t first, int64_t columns_of_row)
      : columns_of_row_(columns_of_row), row_(first / columns_of_row), i_(first % columns_of_row) {}

  int64_t row() const { return row_; }
  int64_t i() const { return i_; }
  void Next() {
    if (++i_ < columns_of_row_) return;
    i_ = 0;
    ++row_;
  }

 private:
  const int64_t columns_of_row_;
  int64_t row_;
  int64_t i_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_COLUMN_GRID_H_
