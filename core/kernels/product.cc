// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/product.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/product.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/portable_product.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/panel_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

// Computes y[:, b] := start[:, b] + W x[:, b] for one block, so the sums have one gate.
struct BlockTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    const FloatTag d;
    GateSums<kPanels, 1, kCols> sums;
    StartFrom(start, weights.units(), panel, first, sums);
    AddBlocks<1>(weights, panel, block, x, first, 0, sums);
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        float* to = y.column(first + c) + (panel + p) * kColumnQuantum;
        for (int i = 0; i < kColumnQuantum; i += kLanes) {
          hn::Store(hn::Load(d, sums.Of(p, 0, c) + i), d, to + i);
        }
      }
    }
  }

  const Matrix& weights;
  int64_t block;
  ConstColumns start;
  const Operand& x;
  Columns y;
};

void PanelProduct(const Matrix& weights, int64_t block, ConstColumns start, const Operand& x,
                  Columns y, PanelRange panels) {
  const int64_t units = weights.units();
  const BlockTile tile{weights, block, start.Block(block, units), x, y.Block(block, units)};
  ForEachTile<1>(panels, y.cols, tile);
}

void BlockProduct(const Matrix& weights, int64_t block, ConstColumns start, const Operand& x,
                  Columns y) {
  PanelProduct(weights, block, start, x, y, {0, weights.num_panels()});
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {
namespace {

// This is large enough that reading the weights again for the next slice of columns does not
// matter, and small enough that the converted columns of a slice stay in a cache.
constexpr int64_t kColumnsOfOperand = 64;

// Computes y := start + W x for the blocks [first, first + count).
void BlockProducts(const Matrix& weights, int64_t first, int64_t count, ConstColumns start,
                   ConstColumns x, Columns y) {
  assert(x.rows == weights.input_size());
  assert(y.rows == weights.output_rows());
  assert(x.cols == y.cols);
  for (int64_t col = 0; col < x.cols; col += kColumnsOfOperand) {
    const int64_t cols = std::min(kColumnsOfOperand, x.cols - col);
    const Operand operand(weights, x.Slice(col, cols));
    for (int64_t block = first; block < first + count; ++block) {
      RNNSERVE_KERNEL(BlockProduct, &PortableBlockProduct)
      (weights, block, start.Slice(col, cols), operand, y.Slice(col, cols));
    }
  }
}

ConstColumns EveryBias(const AlignedBuffer& bias, Columns y) {
  assert(bias.size() == PaddedRows(y.rows));
  return EveryColumn(bias.data(), y.rows, y.cols);
}

}  // namespace

void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y) {
  BlockProducts(weights, 0, weights.blocks(), EveryBias(bias, y), x, y);
}

void AddProduct(const Matrix& weights, ConstColumns x, Columns y) {
  BlockProducts(weights, 0, weights.blocks(), y, x, y);
}

void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y) {
  BlockProducts(weights, block, 1, EveryBias(bias, y), x, y);
}

void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y) {
  BlockProducts(weights, block, 1, y, x, y);
}

void SharedProduct(const Matrix& weights, ConstColumns start, ConstColumns x, Columns y,
                   Team* team) {
  assert(weights.blocks() == 1 && x.rows == weights.input_size() && x.cols == y.cols);
  if (team == nullptr || ActiveIsa() == Isa::kPortable) {
    return BlockProducts(weights, 0, 1, start, x, y);
  }
  for (int64_t col = 0; col < x.cols; col += kColumnsOfOperand) {
    const int64_t cols = std::min(kColumnsOfOperand, x.cols - col);
    const Operand operand(weights, x.Slice(col, cols));
    SharePanels(team, weights.num_panels(), weights.bytes(), [&](PanelRange panels) {
      RNNSERVE_STEP_KERNEL(PanelProduct)
      (weights, 0, start.Slice(col, cols), operand, y.Slice(col, cols), panels);
    });
  }
}

}  // namespace rnnserve
#endif
