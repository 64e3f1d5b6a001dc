// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_BFLOAT16_DOT_H_
#define RNNSERVE_CORE_KERNELS_BFLOAT16_DOT_H_

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "core/kernels/columns.h"

// The one instruction that Highway 1.0 lacks, in the one place that uses it: vdpbf16ps adds the
// products of two pairs of bfloat16 to each float32 sum. For Isa kAvx512Bf16 alone.

namespace rnnserve {

#define RNNSERVE_BFLOAT16_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// Rounds `count` inputs to pairs, one in a word, the last one with a zero if the count is odd.
RNNSERVE_BFLOAT16_TARGET inline void RoundToPairs(const float* x, int64_t count, float* words) {
  for (int64_t k = 0; k < count; k += 16) {
    const int64_t left = std::min<int64_t>(count - k, 16);
    const auto mask = static_cast<__mmask16>((1u << left) - 1);
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + k));
    _mm256_store_si256(reinterpret_cast<__m256i*>(words + k / 2), (__m256i)rounded);
  }
}

// sums += W x for kCount gates of kPanels panels and kCols columns. words[p] are pairs of weights
// of panel p, `num_words` rows that are `row_size` apart, and x[c] the pairs of inputs of the c-th
// column. Gate g of panel p of that column is at sums + p * panel_stride + g * gate_stride + c *
// kColumnQuantum. Weights are asked for `prefetch_distance` floats ahead, unless that is zero.
template <int kPanels, int kCount, int kCols>
RNNSERVE_BFLOAT16_TARGET __attribute__((noinline)) void AddBfloat16Dots(
    const float* const* words, int64_t row_size, int64_t num_words, const float* const* x,
    float* __restrict sums, int64_t panel_stride, int64_t gate_stride, int64_t prefetch_distance) {
  const float* row[kPanels];
  __m512 sum[kPanels][kCount][kCols];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
    row[p] = words[p];
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        sum[p][g][c] =
            _mm512_load_ps(sums + p * panel_stride + g * gate_stride + c * kColumnQuantum);
      }
    }
  }
  for (int64_t k = 0; k < num_words; ++k) {
    __m512bh value[kCols];
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) value[c] = (__m512bh)_mm512_set1_ps(x[c][k]);
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
      for (int g = 0; g < kCount; ++g) {
        if (prefetch_distance > 0) {
          __builtin_prefetch(row[p] + g * kColumnQuantum + prefetch_distance);
        }
        const auto weight = (__m512bh)_mm512_load_si512(row[p] + g * kColumnQuantum);
#pragma GCC unroll 8
        for (int c = 0; c < kCols; ++c) {
          sum[p][g][c] = _mm512_dpbf16_ps(sum[p][g][c], weight, value[c]);
        }
      }
      row[p] += row_size;
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        _mm512_store_ps(sums + p * panel_stride + g * gate_stride + c * kColumnQuantum,
                        sum[p][g][c]);
      }
    }
  }
}

#undef RNNSERVE_BFLOAT16_TARGET

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_BFLOAT16_DOT_H_
