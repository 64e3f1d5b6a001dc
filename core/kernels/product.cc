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

// Computes y := start + W x for one block, so the sums have one gate. `operand` has the columns of x
// from `from_col` on.
struct BlockTile {
  template <int kPanels, int kCols>
  HWY_INLINE void Run(int64_t panel, int64_t first) const {
    TileColumns<kCols> columns;
    columns.panel_stride = kColumnQuantum;
    columns.gate_stride = 0;
    const int64_t unit = panel * kColumnQuantum;
    GridPlace place(from_col + first, x.columns_of_row());
    for (int c = 0; c < kCols; ++c, place.Next()) {
      columns.input[c] = x.column(place.row(), place.i());
      columns.start[c] = start.column(place.row(), place.i()) + unit;
      columns.result[c] = y.column(place.row(), place.i()) + unit;
    }
#if HWY_TARGET == HWY_AVX3
    if (operand.is_narrow()) return RunNarrow<kPanels>(panel, first, columns);
#endif
    const InputRange inputs = {0, x.rows};
    switch (weights.type()) {
      case WeightType::kFloat32:
        return AddBlocksAtOnce<WeightType::kFloat32, kPanels, 1>(weights, panel, block, inputs,
                                                                 columns);
      case WeightType::kBfloat16:
        return AddBlocksAtOnce<WeightType::kBfloat16, kPanels, 1>(weights, panel, block, inputs,
                                                                  columns);
      case WeightType::kInt8:
        return AddBlocksAtOnce<WeightType::kInt8, kPanels, 1>(weights, panel, block, inputs,
                                                              columns);
    }
  }

#if HWY_TARGET == HWY_AVX3
  template <int kPanels, int kCols>
  HWY_INLINE void RunNarrow(int64_t panel, int64_t first, const TileColumns<kCols>& columns) const {
    const FloatTag d;
    GateSums<kPanels, 1, kCols> sums;
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        const float* const from = columns.start[c] + p * kColumnQuantum;
        for (int i = 0; i < kColumnQuantum; i += kLanes) {
          hn::Store(hn::Load(d, from + i), d, sums.Of(p, 0, c) + i);
        }
      }
    }
    if (weights.type() == WeightType::kBfloat16) {
      AddBfloat16Blocks<1>(weights, panel, block, operand, first, 0, sums);
    } else {
      AddInt8Blocks<1>(weights, panel, block, operand, first, 0, sums);
    }
    for (int p = 0; p < kPanels; ++p) {
      for (int c = 0; c < kCols; ++c) {
        float* const to = columns.result[c] + p * kColumnQuantum;
        for (int i = 0; i < kColumnQuantum; i += kLanes) {
          hn::Store(hn::Load(d, sums.Of(p, 0, c) + i), d, to + i);
        }
      }
    }
  }
#endif

  const Matrix& weights;
  int64_t block;
  ConstColumnGrid start;
  const ConstColumnGrid& x;
  const Operand& operand;
  int64_t from_col;
  ColumnGrid y;
};

void PanelProduct(const Matrix& weights, int64_t block, const ConstColumnGrid& start,
                  const ConstColumnGrid& x, const Operand& operand, int64_t from_col,
                  int64_t num_cols, const ColumnGrid& y, PanelRange panels) {
  BlockTile tile{weights, block, start, x, operand, from_col, y};
  const int64_t first_unit = block * PaddedRows(weights.units());
  tile.start.data += first_unit;
  tile.y.data += first_unit;
  ForEachTile<1>(panels, num_cols, tile);
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {
namespace {

// This is large enough that reading the weights again for the next slice of columns does not
// matter, and small enough that the columns of a slice stay in a cache. Tiles of six fit into it.
constexpr int64_t kColumnsOfSlice = 96;

void PortableProducts(const Matrix& weights, int64_t block, const ConstColumnGrid& start,
                      const ConstColumnGrid& x, const ColumnGrid& y, int64_t batch) {
  for (int64_t i = 0; i < x.columns_of_row(); ++i) {
    const Operand operand(weights, x.OfAllRows(i, batch));
    PortableBlockProduct(weights, block, start.OfAllRows(i, batch), operand, y.OfAllRows(i, batch));
  }
}

// Computes y := start + W x for the blocks [first, first + count).
void BlockProducts(const Matrix& weights, int64_t first, int64_t count,
                   const ConstColumnGrid& start, const ConstColumnGrid& x, const ColumnGrid& y,
                   int64_t batch, Team* team) {
  assert(x.rows == weights.input_size());
  assert(x.columns_of_row() == y.columns_of_row());
  assert(x.columns_of_row() == start.columns_of_row());
  if (ActiveIsa() == Isa::kPortable) {
    for (int64_t block = first; block < first + count; ++block) {
      PortableProducts(weights, block, start, x, y, batch);
    }
    return;
  }
  const int64_t num_cols = batch * x.columns_of_row();
  for (int64_t col = 0; col < num_cols; col += kColumnsOfSlice) {
    const int64_t cols = std::min(kColumnsOfSlice, num_cols - col);
    const Operand operand(weights, x, col, cols);
    for (int64_t block = first; block < first + count; ++block) {
      SharePanels(team, weights.num_panels(), weights.bytes(), [&](PanelRange panels) {
        RNNSERVE_STEP_KERNEL(PanelProduct)
        (weights, block, start, x, operand, col, cols, y, panels);
      });
    }
  }
}

void BlockProductsOfColumns(const Matrix& weights, int64_t first, int64_t count, ConstColumns start,
                            ConstColumns x, Columns y) {
  assert(y.rows == weights.output_rows());
  assert(x.cols == y.cols);
  BlockProducts(weights, first, count, AsGrid(start), AsGrid(x), AsGrid(y), x.cols, nullptr);
}

ConstColumns EveryBias(const AlignedBuffer& bias, Columns y) {
  assert(bias.size() == PaddedRows(y.rows));
  return EveryColumn(bias.data(), y.rows, y.cols);
}

}  // namespace

void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y) {
  BlockProductsOfColumns(weights, 0, weights.blocks(), EveryBias(bias, y), x, y);
}

void AddProduct(const Matrix& weights, ConstColumns x, Columns y) {
  BlockProductsOfColumns(weights, 0, weights.blocks(), y, x, y);
}

void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y) {
  BlockProductsOfColumns(weights, block, 1, EveryBias(bias, y), x, y);
}

void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y) {
  BlockProductsOfColumns(weights, block, 1, y, x, y);
}

void SharedProduct(const Matrix& weights, const ConstColumnGrid& start, const ConstColumnGrid& x,
                   const ColumnGrid& y, int64_t batch, Team* team) {
  assert(weights.blocks() == 1);
  BlockProducts(weights, 0, 1, start, x, y, batch, team);
}

}  // namespace rnnserve
#endif
