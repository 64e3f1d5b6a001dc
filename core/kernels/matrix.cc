// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/matrix.h"

#include <algorithm>
#include <cassert>

namespace rnnserve {
namespace {

// One panel of weights times kCols columns. The sums live in registers while the inputs go by, and
// a weight that was loaded once serves every column. How many columns go together changes the speed
// only: each sum is built from the same operations in the same order.
template <int kCols>
void MultiplyPanel(const float* panel, ConstColumns x, int64_t first, const float* start,
                   int64_t start_stride, Columns y) {
  float sum[kCols][kColumnQuantum];
  const float* input[kCols];
  for (int c = 0; c < kCols; ++c) {
    std::copy_n(start + c * start_stride, kColumnQuantum, sum[c]);
    input[c] = x.column(first + c);
  }
  for (int64_t k = 0; k < x.rows; ++k, panel += kColumnQuantum) {
    for (int c = 0; c < kCols; ++c) {
      const float value = input[c][k];
      for (int i = 0; i < kColumnQuantum; ++i) sum[c][i] += panel[i] * value;
    }
  }
  for (int c = 0; c < kCols; ++c) {
    std::copy_n(sum[c], kColumnQuantum, y.column(first + c));
  }
}

// y[:, b] := start[:, b] + W x[:, b]; the columns of `start` are `start_stride` floats apart.
void Multiply(const Matrix& weights, const float* start, int64_t start_stride, ConstColumns x,
              Columns y) {
  assert(x.rows == weights.input_size());
  assert(y.rows == weights.output_rows());
  assert(x.cols == y.cols);
  for (int64_t p = 0; p < weights.num_panels(); ++p) {
    const float* panel = weights.panel(p);
    const Columns y_panel = y.Rows(p * kColumnQuantum, kColumnQuantum);
    const float* start_panel = start + p * kColumnQuantum;
    int64_t b = 0;
    for (; b + 2 <= x.cols; b += 2) {
      MultiplyPanel<2>(panel, x, b, start_panel + b * start_stride, start_stride, y_panel);
    }
    if (b < x.cols) {
      MultiplyPanel<1>(panel, x, b, start_panel + b * start_stride, start_stride, y_panel);
    }
  }
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
  Multiply(weights, bias.data(), /*start_stride=*/0, x, y);
}

void AddProduct(const Matrix& weights, ConstColumns x, Columns y) {
  Multiply(weights, y.data, y.stride, x, y);
}

}  // namespace rnnserve
