// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_COLUMN_BATCH_H_
#define RNNSERVE_TESTS_SUPPORT_COLUMN_BATCH_H_

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"

namespace rnnserve::testing {

// Columns that own their memory, one for each batch row. The padding is NaN, so that the results
// show if code uses padding as values. Movable. Used by one thread at a time: the test's.
//
//   ColumnBatch x({{1, 2, 3}, {4, 5, 6}});   // two columns of three values
//   Activate(Activation::kRelu, x.columns());
//   EXPECT_THAT(x.values(1), ElementsAre(4, 5, 6));
class ColumnBatch {
 public:
  // Makes `cols` columns of NaN.
  ColumnBatch(int64_t rows, int64_t cols)
      : buffer_(ColumnsSize(rows, cols)), columns_{buffer_.data(), rows, cols, PaddedRows(rows)} {
    const auto values = buffer_.span();
    std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
  }

  // Makes columns of these values. REQUIRES: there is at least one column; all have the same
  // length.
  explicit ColumnBatch(const std::vector<std::vector<float>>& values)
      : ColumnBatch(static_cast<int64_t>(values[0].size()), static_cast<int64_t>(values.size())) {
    for (size_t b = 0; b < values.size(); ++b) {
      std::copy(values[b].begin(), values[b].end(), columns_.column(static_cast<int64_t>(b)));
    }
  }

  Columns columns() { return columns_; }

  std::vector<float> values(int64_t b) const {
    return std::vector<float>(columns_.column(b), columns_.column(b) + columns_.rows);
  }

 private:
  AlignedBuffer buffer_;
  Columns columns_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_COLUMN_BATCH_H_
