// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Products with a Matrix (kernels/matrix.h), compiled for each instruction set; see dispatch.h.
//
// A panel holds the weights of 16 units of all gates (matrix.h). A tile is one or more panels times
// up to kMaxTile columns of the batch; its sums stay in registers while a loop runs over the
// inputs. A vector is one register of floats: 4, 8 or 16 of them, so 16 units take kVectors
// vectors.
//
//     panel of W, as it lies in memory                     sums of a tile of 3 columns
//
//     k = 0    [ i i .. i | f f .. f | c .. c | o .. o ]       [ i ][ i ][ i ]
//     k = 1    [ i i .. i | f f .. f | c .. c | o .. o ]   +=  [ f ][ f ][ f ]
//     ...          x[k, b] for each of the 3 columns           [ c ][ c ][ c ]
//                                                              [ o ][ o ][ o ]
//
// Each weight is loaded once for all columns of the tile, and each input once for all gates. A sum
// consists of the same operations in the same order whatever the tile: its start value, then the
// inputs in ascending order. So the division of a batch into tiles changes the speed but not the
// bits.

#if defined(RNNSERVE_CORE_KERNELS_PANEL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNSERVE_CORE_KERNELS_PANEL_PRODUCT_INL_H_
#undef RNNSERVE_CORE_KERNELS_PANEL_PRODUCT_INL_H_
#else
#define RNNSERVE_CORE_KERNELS_PANEL_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"
#include "core/kernels/operand.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/vector_math-inl.h"
#include "hwy/highway.h"
#if HWY_TARGET == HWY_AVX3
#include "core/kernels/narrow_dot.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

// The number of vectors that the 16 units of a panel take for one gate.
constexpr int kVectors = static_cast<int>(kColumnQuantum / hn::MaxLanes(FloatTag()));
constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
// The number of registers that may hold sums, and the number of columns of the widest tile. AVX-512
// and NEON have 32 vector registers and the others 16; a quarter is left for weights and inputs. Six
// columns fill the sums: of all four gates of an LSTM with AVX-512, of one gate at a time with AVX2.
// A vector of SSE4 is too small for so many.
#if HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kSumRegisters = 24;
constexpr int kMaxTile = 6;
#elif HWY_TARGET == HWY_AVX2
constexpr int kSumRegisters = 12;
constexpr int kMaxTile = 6;
#else
constexpr int kSumRegisters = 12;
constexpr int kMaxTile = 3;
#endif

// Returns how many of `gates` gates are summed at once for `cols` columns: the largest divisor of
// `gates` whose sums fit into the registers.
constexpr int GatesAtOnce(int gates, int cols) {
  int at_once = gates;
  while (at_once > 1 && (gates % at_once != 0 || at_once * cols * kVectors > kSumRegisters)) {
    --at_once;
  }
  return at_once;
}

// Returns how many panels are summed at once. Each multiply-add to a sum has to wait for the one
// before, so with few columns the sums of one panel do not keep the multipliers busy. Two
// multipliers with a latency of four cycles need kEnoughSums independent sums.
constexpr int PanelsAtOnce(int gates, int cols) {
  constexpr int kEnoughSums = 8;
  int at_once = 1;
  while (2 * at_once * gates * kVectors <= kEnoughSums &&
         2 * at_once * gates * kVectors * cols <= kSumRegisters) {
    at_once *= 2;
  }
  return at_once;
}

// The gate sums of a tile of kPanels panels and kCols columns. They are in memory, that is in the
// first-level cache, only between products and before the activations; a product keeps them in
// registers.
template <int kPanels, int kGates, int kCols>
struct GateSums {
  static constexpr int64_t kGateStride = kCols * kColumnQuantum;
  float* Of(int panel, int gate, int col) {
    return values + ((int64_t{panel} * kGates + gate) * kCols + col) * kColumnQuantum;
  }
  HWY_ALIGN float values[int64_t{kPanels} * kGates * kCols * kColumnQuantum];
};

// Sets the sums to `start`, whose columns stack kGates blocks of `units` values.
template <int kPanels, int kGates, int kCols>
HWY_INLINE void StartFrom(ConstColumns start, int64_t units, int64_t panel, int64_t first,
                          GateSums<kPanels, kGates, kCols>& sums) {
  const FloatTag d;
  for (int p = 0; p < kPanels; ++p) {
    for (int g = 0; g < kGates; ++g) {
      const ConstColumns gate =
          start.Rows(g * PaddedRows(units) + (panel + p) * kColumnQuantum, kColumnQuantum);
      for (int c = 0; c < kCols; ++c) {
        for (int i = 0; i < kColumnQuantum; i += kLanes) {
          hn::Store(hn::Load(d, gate.column(first + c) + i), d, sums.Of(p, g, c) + i);
        }
      }
    }
  }
}

// Unpacks weights of type kType from the words of a Matrix.
template <WeightType kType>
struct Word {
  static constexpr int kWeights = WeightsPerWord(kType);

  // Returns weight `i` of each word, before its scale.
  static HWY_INLINE Vec Weight(Vec word, int i) {
    if constexpr (kType == WeightType::kFloat32) return word;
    const hn::RebindToUnsigned<FloatTag> du;
    const auto bits = hn::BitCast(du, word);
    if constexpr (kType == WeightType::kBfloat16) {
      return hn::BitCast(
          FloatTag(), i == 0 ? hn::ShiftLeft<16>(bits) : hn::And(bits, hn::Set(du, 0xffff0000u)));
    } else {
      const hn::RebindToSigned<FloatTag> di;
      const auto high = hn::BitCast(di, i == 0   ? hn::ShiftLeft<24>(bits)
                                        : i == 1 ? hn::ShiftLeft<16>(bits)
                                        : i == 2 ? hn::ShiftLeft<8>(bits)
                                                 : bits);
      return hn::ConvertTo(FloatTag(), hn::ShiftRight<24>(high));
    }
  }
};

// The columns of one call of AddBlocksAtOnce: their inputs, where their sums start from, and where
// they go, which may be the same place. The sums of gate g of panel p are at p * panel_stride +
// g * gate_stride in each.
template <int kCols>
struct TileColumns {
  const float* input[kCols];
  const float* start[kCols];
  float* result[kCols];
  int64_t panel_stride;
  int64_t gate_stride;
  int64_t Place(int panel, int gate) const { return panel * panel_stride + gate * gate_stride; }
};

// The inputs [begin, end) of a product.
struct InputRange {
  int64_t begin;
  int64_t end;
};

// result := start + W x for the inputs of a range, the blocks [from, from + kCount), the panels
// [panel, panel + kPanels) and the columns of a tile. REQUIRES: all of these sums fit into
// registers, and the range begins at a whole word.
template <WeightType kType, int kPanels, int kCount, int kCols>
HWY_NOINLINE void AddBlocksAtOnce(const Matrix& weights, int64_t panel, int64_t from,
                                  InputRange inputs, const TileColumns<kCols>& columns) {
  constexpr bool kHasScales = kType == WeightType::kInt8;
  using W = Word<kType>;
  const FloatTag d;
  Vec sum[kPanels][kCount][kVectors][kCols];
  const float* HWY_RESTRICT row[kPanels];
  const float* HWY_RESTRICT input[kCols];
  HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
    row[p] = weights.panel(panel + p) + from * kColumnQuantum +
             inputs.begin / W::kWeights * weights.blocks() * kColumnQuantum;
    HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
      HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
        HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) {
          const float* const from_start = columns.start[c] + columns.Place(p, g) + v * kLanes;
          sum[p][g][v][c] = kHasScales ? hn::Zero(d) : hn::Load(d, from_start);
        }
      }
    }
  }
  HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) input[c] = columns.input[c];
  const int64_t row_size = weights.blocks() * kColumnQuantum;
  const int64_t prefetch_distance = weights.prefetch_distance();
  // Adds the products of one row of words. Only the first `count` weights of each word have an
  // input.
  const auto add_word = [&](int64_t k, int count) HWY_ATTR {
    if (prefetch_distance > 0) {
      HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
        HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
          __builtin_prefetch(row[p] + g * kColumnQuantum + prefetch_distance);
        }
      }
    }
    HWY_UNROLL(4) for (int i = 0; i < W::kWeights; ++i) {
      if (i >= count) break;
      // Few registers are left beside the sums, so the smaller of the two sets, inputs and weights,
      // is loaded first and kept while the other passes by.
      if constexpr (kCols <= kPanels * kCount * kVectors) {
        Vec value[kCols];
        HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) value[c] = hn::Set(d, input[c][k + i]);
        HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
          HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
            HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
              const Vec weight =
                  W::Weight(hn::Load(d, row[p] + g * kColumnQuantum + v * kLanes), i);
              HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) {
                sum[p][g][v][c] = hn::MulAdd(weight, value[c], sum[p][g][v][c]);
              }
            }
          }
        }
      } else {
        Vec weight[kPanels][kCount][kVectors];
        HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
          HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
            HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
              weight[p][g][v] = W::Weight(hn::Load(d, row[p] + g * kColumnQuantum + v * kLanes), i);
            }
          }
        }
        HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) {
          const Vec value = hn::Set(d, input[c][k + i]);
          HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
            HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
              HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
                sum[p][g][v][c] = hn::MulAdd(weight[p][g][v], value, sum[p][g][v][c]);
              }
            }
          }
        }
      }
    }
    HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) row[p] += row_size;
  };
  int64_t k = inputs.begin;
  for (; k + W::kWeights <= inputs.end; k += W::kWeights) add_word(k, W::kWeights);
  if (k < inputs.end) add_word(k, static_cast<int>(inputs.end - k));
  HWY_UNROLL(8) for (int p = 0; p < kPanels; ++p) {
    HWY_UNROLL(8) for (int g = 0; g < kCount; ++g) {
      HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
        HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) {
          const int64_t place = columns.Place(p, g) + v * kLanes;
          Vec total = sum[p][g][v][c];
          if constexpr (kHasScales) {
            const float* scales = weights.scales(panel + p, from + g) + v * kLanes;
            total = hn::MulAdd(total, hn::Load(d, scales), hn::Load(d, columns.start[c] + place));
          }
          hn::Store(total, d, columns.result[c] + place);
        }
      }
    }
  }
}

// Adds the blocks [from, from + kCount) of W x to the gates [to, to + kCount) of the sums, as many
// gates at once as fit into registers.
template <WeightType kType, int kCount, int kPanels, int kGates, int kCols>
HWY_INLINE void AddBlocksOfType(const Matrix& weights, int64_t panel, int64_t from, ConstColumns x,
                                int64_t first, int to, GateSums<kPanels, kGates, kCols>& sums) {
  constexpr int kAtOnce = GatesAtOnce(kCount, kPanels * kCols);
  // Several passes over the same rows go through them in pieces that stay in the first-level cache,
  // 16 KiB for an LSTM, so that the weights are read from front to back. A sum over int8 weights is
  // scaled at its end, so it is not cut.
  constexpr int64_t kPiece = 64 * WeightsPerWord(kType);
  const int64_t piece = kAtOnce == kCount || kType == WeightType::kInt8 ? x.rows : kPiece;
  TileColumns<kCols> columns;
  columns.panel_stride = kGates * sums.kGateStride;
  columns.gate_stride = sums.kGateStride;
  for (int c = 0; c < kCols; ++c) columns.input[c] = x.column(first + c);
  for (int64_t begin = 0; begin < x.rows; begin += piece) {
    for (int i = 0; i < kCount; i += kAtOnce) {
      for (int c = 0; c < kCols; ++c) {
        columns.start[c] = columns.result[c] = sums.Of(0, to + i, c);
      }
      AddBlocksAtOnce<kType, kPanels, kAtOnce, kCols>(
          weights, panel, from + i, {begin, std::min(begin + piece, x.rows)}, columns);
    }
  }
}

#if HWY_TARGET == HWY_AVX3
// Does the same for bfloat16 on processors that multiply pairs of them (narrow_dot.h).
template <int kCount, int kPanels, int kGates, int kCols>
HWY_INLINE void AddBfloat16Blocks(const Matrix& weights, int64_t panel, int64_t from,
                                  const Operand& x, int64_t first, int to,
                                  GateSums<kPanels, kGates, kCols>& sums) {
  const float* input[kCols];
  for (int c = 0; c < kCols; ++c) input[c] = x.words(first + c);
  const float* words[kPanels];
  for (int p = 0; p < kPanels; ++p) words[p] = weights.panel(panel + p) + from * kColumnQuantum;
  AddBfloat16Dots<kPanels, kCount, kCols>(
      words, weights.blocks() * kColumnQuantum, weights.num_words(), input, sums.Of(0, to, 0),
      kGates * sums.kGateStride, sums.kGateStride, weights.prefetch_distance());
}

// Does the same for int8 on processors that multiply groups of four (narrow_dot.h), for the columns
// [from_col, from_col + kSome) of the tile.
template <int kCount, int kSome, int kPanels, int kGates, int kCols>
HWY_INLINE void AddInt8BlocksOfColumns(const Matrix& weights, int64_t panel, int64_t from,
                                       const Operand& x, int64_t first, int from_col, int to,
                                       GateSums<kPanels, kGates, kCols>& sums) {
  // Each sum takes two registers: one for the low and one for the high bytes.
  constexpr int kAtOnce = GatesAtOnce(kCount, 2 * kPanels * kSome);
  const float* input[kSome];
  float input_scales[kSome];
  for (int c = 0; c < kSome; ++c) {
    input[c] = x.words(first + from_col + c);
    input_scales[c] = x.scale(first + from_col + c);
  }
  for (int i = 0; i < kCount; i += kAtOnce) {
    const float* words[kPanels];
    const float* scales[kPanels];
    const float* offsets[kPanels];
    for (int p = 0; p < kPanels; ++p) {
      words[p] = weights.panel(panel + p) + (from + i) * kColumnQuantum;
      scales[p] = weights.scales(panel + p, from + i);
      offsets[p] = weights.offsets(panel + p, from + i);
    }
    AddInt8Dots<kPanels, kAtOnce, kSome>(
        {words, weights.blocks() * kColumnQuantum, weights.num_words(), scales, offsets,
         PaddedRows(weights.units())},
        input, input_scales, sums.Of(0, to + i, from_col), kGates * sums.kGateStride,
        sums.kGateStride);
  }
}

template <int kCount, int kPanels, int kGates, int kCols>
HWY_INLINE void AddInt8Blocks(const Matrix& weights, int64_t panel, int64_t from, const Operand& x,
                              int64_t first, int to, GateSums<kPanels, kGates, kCols>& sums) {
  // If only one gate fits at a time, the inputs would be loaded again for every gate. It takes
  // fewer loads to process the columns in two halves, with several gates at once.
  if constexpr (kCount > 1 && GatesAtOnce(kCount, 2 * kPanels * kCols) == 1) {
    constexpr int kHalf = (kCols + 1) / 2;
    AddInt8BlocksOfColumns<kCount, kHalf>(weights, panel, from, x, first, 0, to, sums);
    AddInt8BlocksOfColumns<kCount, kCols - kHalf>(weights, panel, from, x, first, kHalf, to, sums);
  } else {
    AddInt8BlocksOfColumns<kCount, kCols>(weights, panel, from, x, first, 0, to, sums);
  }
}
#endif

// Adds the blocks [from, from + kCount) of W x to the gates [to, to + kCount) of the sums, in the
// way that suits the type of the weights. An x without rows adds nothing.
template <int kCount, int kPanels, int kGates, int kCols>
HWY_INLINE void AddBlocks(const Matrix& weights, int64_t panel, int64_t from, const Operand& x,
                          int64_t first, int to, GateSums<kPanels, kGates, kCols>& sums) {
  const ConstColumns columns = x.columns();
  if (columns.rows == 0) return;
  switch (weights.type()) {
    case WeightType::kFloat32:
      return AddBlocksOfType<WeightType::kFloat32, kCount>(weights, panel, from, columns, first, to,
                                                           sums);
    case WeightType::kBfloat16:
#if HWY_TARGET == HWY_AVX3
      if (x.is_narrow()) {
        return AddBfloat16Blocks<kCount>(weights, panel, from, x, first, to, sums);
      }
#endif
      return AddBlocksOfType<WeightType::kBfloat16, kCount>(weights, panel, from, columns, first,
                                                            to, sums);
    case WeightType::kInt8:
#if HWY_TARGET == HWY_AVX3
      if (x.is_narrow()) return AddInt8Blocks<kCount>(weights, panel, from, x, first, to, sums);
#endif
      return AddBlocksOfType<WeightType::kInt8, kCount>(weights, panel, from, columns, first, to,
                                                        sums);
  }
}

// Calls tile.Run<kPanels, kCols>(panel, first) for the panels [begin, end) and the columns
// [first, first + kCols).
template <int kGates, int kCols, typename Tile>
HWY_INLINE void RunPanels(int64_t begin, int64_t end, int64_t first, const Tile& tile) {
  constexpr int kPanels = PanelsAtOnce(kGates, kCols);
  int64_t panel = begin;
  for (; panel + kPanels <= end; panel += kPanels) {
    tile.template Run<kPanels, kCols>(panel, first);
  }
  if constexpr (kPanels > 1) {
    for (; panel < end; ++panel) tile.template Run<1, kCols>(panel, first);
  }
}

// Calls tile.Run<number of panels, number of columns>(first panel, first column) for tiles that
// cover `panels` and all columns. Panels are the outer loop, so that weights are read from memory
// once for all columns.
template <int kGates, typename Tile>
HWY_INLINE void ForEachTile(PanelRange panels, int64_t num_cols, const Tile& tile) {
  // With several tiles of columns, each tile reads the same group of panels, which has to stay in
  // the second-level cache in between. So a group has no more panels than are summed at once. With
  // a single tile of columns nothing is read twice, and all panels are one group.
  const int64_t group =
      num_cols > kMaxTile ? PanelsAtOnce(kGates, kMaxTile) : panels.end - panels.begin;
  for (int64_t begin = panels.begin; begin < panels.end; begin += group) {
    const int64_t end = std::min(begin + group, panels.end);
    for (int64_t first = 0, cols = 0; first < num_cols; first += cols) {
      // Tiles of nearly equal width: 7 columns are 4 + 3, not 6 + 1, because a narrow tile loads
      // all weights for little work.
      const int64_t left = num_cols - first;
      const int64_t tiles = (left + kMaxTile - 1) / kMaxTile;
      cols = (left + tiles - 1) / tiles;
      switch (cols) {
        case 1:
          RunPanels<kGates, 1>(begin, end, first, tile);
          break;
        case 2:
          RunPanels<kGates, 2>(begin, end, first, tile);
          break;
        case 3:
          RunPanels<kGates, 3>(begin, end, first, tile);
          break;
        default:
          if constexpr (kMaxTile > 3) {
            if (cols == 4) {
              RunPanels<kGates, 4>(begin, end, first, tile);
            } else if (cols == 5) {
              RunPanels<kGates, 5>(begin, end, first, tile);
            } else {
              RunPanels<kGates, 6>(begin, end, first, tile);
            }
          }
      }
    }
  }
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
