// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/portable_product.h"

#include <Eigen/Core>
#include <bit>

namespace rnnserve {
namespace {

using Panel = Eigen::Array<float, kColumnQuantum, 1>;
using ConstPanelMap = Eigen::Map<const Panel, Eigen::Aligned64>;
using PanelMap = Eigen::Map<Panel, Eigen::Aligned64>;

// Returns weight i of each word of a row (see Matrix), before its scale.
template <WeightType kType>
Panel Weights(const float* row, int i) {
  const ConstPanelMap words(row);
  if constexpr (kType == WeightType::kFloat32) return words;
  Panel weights;
  for (int64_t u = 0; u < kColumnQuantum; ++u) {
    const auto bits = std::bit_cast<uint32_t>(row[u]);
    if constexpr (kType == WeightType::kBfloat16) {
      weights[u] = std::bit_cast<float>(i == 0 ? bits << 16 : bits & 0xffff0000u);
    } else {
      weights[u] = static_cast<float>(static_cast<int8_t>(bits >> (8 * i)));
    }
  }
  return weights;
}

// Multiplies one panel of weights, whose rows are `row_size` floats apart, by the columns [first,
// first + kCols). The sums stay in registers while the loop runs over the inputs. On a processor
// with few registers two columns take half of them and share each weight that is loaded. kCols
// changes the speed but not the bits, because each sum consists of the same operations in the same
// order.
template <WeightType kType, int kCols>
void MultiplyPanel(const float* panel, int64_t row_size, const float* scales, int64_t first,
                   ConstColumns start, ConstColumns x, Columns y) {
  constexpr int kPerWord = WeightsPerWord(kType);
  Panel sum[kCols];
  const float* input[kCols];
  for (int c = 0; c < kCols; ++c) {
    sum[c] =
        kType == WeightType::kInt8 ? Panel::Zero() : Panel(ConstPanelMap(start.column(first + c)));
    input[c] = x.column(first + c);
  }
  for (int64_t k = 0; k < x.rows; ++k) {
    const Panel weights =
        Weights<kType>(panel + k / kPerWord * row_size, static_cast<int>(k % kPerWord));
    for (int c = 0; c < kCols; ++c) sum[c] += weights * input[c][k];
  }
  for (int c = 0; c < kCols; ++c) {
    PanelMap output(y.column(first + c));
    if constexpr (kType == WeightType::kInt8) {
      output = ConstPanelMap(start.column(first + c)) + sum[c] * ConstPanelMap(scales);
    } else {
      output = sum[c];
    }
  }
}

template <WeightType kType>
void MultiplyBlock(const Matrix& weights, int64_t block, ConstColumns start, ConstColumns x,
                   Columns y) {
  const int64_t row_size = weights.blocks() * kColumnQuantum;
  for (int64_t p = 0; p < weights.num_panels(); ++p) {
    const float* panel = weights.panel(p) + block * kColumnQuantum;
    const float* scales = kType == WeightType::kInt8 ? weights.scales(p, block) : nullptr;
    const int64_t row = block * PaddedRows(weights.units()) + p * kColumnQuantum;
    const ConstColumns panel_start = start.Rows(row, kColumnQuantum);
    const Columns panel_y = y.Rows(row, kColumnQuantum);
    int64_t b = 0;
    for (; b + 2 <= x.cols; b += 2) {
      MultiplyPanel<kType, 2>(panel, row_size, scales, b, panel_start, x, panel_y);
    }
    if (b < x.cols) MultiplyPanel<kType, 1>(panel, row_size, scales, b, panel_start, x, panel_y);
  }
}

}  // namespace

void PortableBlockProduct(const Matrix& weights, int64_t block, ConstColumns start,
                          const Operand& x, Columns y) {
  switch (weights.type()) {
    case WeightType::kFloat32:
      return MultiplyBlock<WeightType::kFloat32>(weights, block, start, x.columns(), y);
    case WeightType::kBfloat16:
      return MultiplyBlock<WeightType::kBfloat16>(weights, block, start, x.columns(), y);
    case WeightType::kInt8:
      return MultiplyBlock<WeightType::kInt8>(weights, block, start, x.columns(), y);
  }
}

}  // namespace rnnserve
