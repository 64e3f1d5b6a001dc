// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/matrix.h"

#include <Eigen/Core>
#include <algorithm>
#include <cassert>

namespace rnnserve {
namespace {

using Panel = Eigen::Array<float, kColumnQuantum, 1>;
using ConstPanelMap = Eigen::Map<const Panel, Eigen::Aligned64>;
using PanelMap = Eigen::Map<Panel, Eigen::Aligned64>;

// One panel of weights times the columns [first, first + kCols). The sums stay in registers while
// the inputs go by: two columns of 16 take half the registers of the smallest processor, and a
// weight that was loaded once serves both. How many columns go together changes the speed only:
// each sum is built from the same operations in the same order.
template <int kCols>
void MultiplyPanel(const float* panel, int64_t first, ConstColumns start, ConstColumns x,
                   Columns y) {
  Panel sum[kCols];
  const float* input[kCols];
  for (int c = 0; c < kCols; ++c) {
    sum[c] = ConstPanelMap(start.column(first + c));
    input[c] = x.column(first + c);
  }
  for (int64_t k = 0; k < x.rows; ++k) {
    const ConstPanelMap weights(panel + k * kColumnQuantum);
    for (int c = 0; c < kCols; ++c) sum[c] += weights * input[c][k];
  }
  for (int c = 0; c < kCols; ++c) {
    PanelMap output(y.column(first + c));
    output = sum[c];
  }
}

// The panels [begin, end) of a matrix.
struct Panels {
  int64_t begin = 0;
  int64_t end = 0;
};

Panels AllPanels(const Matrix& weights) { return {0, weights.num_panels()}; }

Panels PanelsOfBlock(const Matrix& weights, int64_t block) {
  const int64_t count = PaddedRows(weights.units()) / kColumnQuantum;
  return {block * count, (block + 1) * count};
}

// y[:, b] := start[:, b] + W x[:, b], for the output rows of these panels.
void Multiply(const Matrix& weights, Panels panels, ConstColumns start, ConstColumns x, Columns y) {
  assert(x.rows == weights.input_size());
  assert(y.rows == weights.output_rows());
  assert(x.cols == y.cols);
  for (int64_t p = panels.begin; p < panels.end; ++p) {
    const ConstColumns panel_start = start.Rows(p * kColumnQuantum, kColumnQuantum);
    const Columns panel_y = y.Rows(p * kColumnQuantum, kColumnQuantum);
    int64_t b = 0;
    for (; b + 2 <= x.cols; b += 2) {
      MultiplyPanel<2>(weights.panel(p), b, panel_start, x, panel_y);
    }
    if (b < x.cols) MultiplyPanel<1>(weights.panel(p), b, panel_start, x, panel_y);
  }
}

// The same column for every column of y: a stride of zero.
ConstColumns EveryColumn(const AlignedBuffer& column, ConstColumns y) {
  return {column.data(), y.rows, y.cols, /*stride=*/0};
}

}  // namespace

Matrix::Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units)
    : weights_(input_size * blocks * PaddedRows(units)),
      input_size_(input_size),
      blocks_(blocks),
      units_(units) {
  assert(static_cast<int64_t>(kernel.size()) == input_size * blocks * units);
  const float* source = kernel.data();
  for (int64_t k = 0; k < input_size; ++k) {
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t unit = 0; unit < units; ++unit) {
        const int64_t row = block * PaddedRows(units) + unit;
        const int64_t panel_offset = row / kColumnQuantum * input_size * kColumnQuantum;
        weights_.data()[panel_offset + k * kColumnQuantum + row % kColumnQuantum] = *source++;
      }
    }
  }
}

AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units) {
  AlignedBuffer packed(blocks * PaddedRows(units));
  assert(bias.empty() || static_cast<int64_t>(bias.size()) == blocks * units);
  for (int64_t block = 0; block < blocks && !bias.empty(); ++block) {
    std::copy_n(bias.data() + block * units, units, packed.data() + block * PaddedRows(units));
  }
  return packed;
}

void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y) {
  assert(bias.size() == PaddedRows(weights.output_rows()));
  Multiply(weights, AllPanels(weights), EveryColumn(bias, y), x, y);
}

void AddProduct(const Matrix& weights, ConstColumns x, Columns y) {
  Multiply(weights, AllPanels(weights), y, x, y);
}

void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y) {
  Multiply(weights, PanelsOfBlock(weights, block), EveryColumn(bias, y), x, y);
}

void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y) {
  Multiply(weights, PanelsOfBlock(weights, block), y, x, y);
}

}  // namespace rnnserve
