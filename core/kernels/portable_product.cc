// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/portable_product.h"

#include <Eigen/Core>

namespace rnnserve {
namespace {

using Panel = Eigen::Array<float, kColumnQuantum, 1>;
using ConstPanelMap = Eigen::Map<const Panel, Eigen::Aligned64>;
using PanelMap = Eigen::Map<Panel, Eigen::Aligned64>;

// One panel of weights, its rows `row_size` apart, times the columns [first, first + kCols). The
// sums stay in registers while the inputs go by: two columns of 16 take half the registers of the
// smallest processor, and a weight that was loaded once serves both. How many columns go together
// changes the speed only: each sum is built from the same operations in the same order.
template <int kCols>
void MultiplyPanel(const float* panel, int64_t row_size, int64_t first, ConstColumns start,
                   ConstColumns x, Columns y) {
  Panel sum[kCols];
  const float* input[kCols];
  for (int c = 0; c < kCols; ++c) {
    sum[c] = ConstPanelMap(start.column(first + c));
    input[c] = x.column(first + c);
  }
  for (int64_t k = 0; k < x.rows; ++k) {
    const ConstPanelMap weights(panel + k * row_size);
    for (int c = 0; c < kCols; ++c) sum[c] += weights * input[c][k];
  }
  for (int c = 0; c < kCols; ++c) {
    PanelMap output(y.column(first + c));
    output = sum[c];
  }
}

}  // namespace

void PortableBlockProduct(const Matrix& weights, int64_t block, ConstColumns start, ConstColumns x,
                          Columns y) {
  const int64_t row_size = weights.blocks() * kColumnQuantum;
  for (int64_t p = 0; p < weights.num_panels(); ++p) {
    const float* panel = weights.panel(p) + block * kColumnQuantum;
    const int64_t row = block * PaddedRows(weights.units()) + p * kColumnQuantum;
    const ConstColumns panel_start = start.Rows(row, kColumnQuantum);
    const Columns panel_y = y.Rows(row, kColumnQuantum);
    int64_t b = 0;
    for (; b + 2 <= x.cols; b += 2) {
      MultiplyPanel<2>(panel, row_size, b, panel_start, x, panel_y);
    }
    if (b < x.cols) MultiplyPanel<1>(panel, row_size, b, panel_start, x, panel_y);
  }
}

}  // namespace rnnserve
