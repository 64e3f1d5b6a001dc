// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_NARROW_DOT_H_
#define RNNSERVE_CORE_KERNELS_NARROW_DOT_H_

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "core/kernels/columns.h"

// The products of narrow weights that need an AVX-512 instruction which Highway 1.0 does not have,
// written with intrinsics:
//
//   vdpbf16ps   adds the products of two pairs of bfloat16 to each float32 sum
//               for Isa kAvx512Bf16
//   vpdpbusd    adds the products of four unsigned and four signed bytes to each 32-bit sum
//               for Isa kAvx512Vnni and kAvx512Bf16
//
// operand.h describes how the inputs are narrowed for them. All loops over panels, gates and
// columns are unrolled completely, so that the arrays of sums become registers.

namespace rnnserve {

#define RNNSERVE_BFLOAT16_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// Rounds `count` inputs to bfloat16 and stores them in pairs, one pair in each word. If the count
// is odd, the last pair has a zero.
RNNSERVE_BFLOAT16_TARGET inline void RoundToPairs(const float* x, int64_t count, float* words) {
  for (int64_t k = 0; k < count; k += 16) {
    const int64_t left = std::min<int64_t>(count - k, 16);
    const auto mask = static_cast<__mmask16>((1u << left) - 1);
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + k));
    _mm256_store_si256(reinterpret_cast<__m256i*>(words + k / 2), (__m256i)rounded);
  }
}

// sums += W x for kCount gates of kPanels panels and kCols columns. words[p] holds the pairs of
// weights of panel p: `num_words` rows, `row_size` floats apart. x[c] holds the pairs of inputs of
// column c. The sums of gate g of panel p and column c are at
//
//   sums + p * panel_stride + g * gate_stride + c * kColumnQuantum
//
// Weights are prefetched `prefetch_distance` floats ahead, or not at all if that is zero.
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

#define RNNSERVE_INT8_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// With more inputs the sum of the high bytes might overflow 32 bits. Each input can change it by up
// to 48,641: by 255 * 127 with its product, and by 128 * 127 with its share of the offset that the
// sum starts with (Matrix::offsets).
constexpr int64_t kMaxInt8Inputs = 32'768;

// If all inputs of a column are smaller than this, they count as zero, so that neither the scale
// nor its reciprocal leaves the range of floats.
constexpr float kLeastInt8Input = 1e-33f;

// Rounds `count` inputs to 16 bits and returns their scale (operand.h). words[2 i] gets the low and
// words[2 i + 1] the high bytes of the inputs [4 i, 4 i + 4). Pads the inputs with zeros to a
// multiple of 16.
RNNSERVE_INT8_TARGET inline float RoundToBytes(const float* x, int64_t count, float* words) {
  const auto load = [x, count](int64_t k) RNNSERVE_INT8_TARGET {
    const int64_t left = std::min<int64_t>(count - k, 16);
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << left) - 1), x + k);
  };
  // The bits of non-negative floats, compared as integers, are in the order of the floats, with NaN
  // above infinity. So the maximum also finds values that are not finite.
  const __m512i no_sign = _mm512_set1_epi32(0x7fffffff);
  __m512i most = _mm512_setzero_si512();
  for (int64_t k = 0; k < count; k += 16) {
    most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(load(k)), no_sign));
  }
  const float largest =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(most))));
  const bool is_zero = largest < kLeastInt8Input;
  const __m512 per_scale = _mm512_set1_ps(is_zero ? 0.0f : 32'767.0f / largest);
  const __m512i middle = _mm512_set1_epi32(32'768);
  for (int64_t k = 0; k < count; k += 16) {
    const __m512i value =
        _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(load(k), per_scale)), middle);
    const __m128i low = _mm512_cvtepi32_epi8(value);
    const __m128i high = _mm512_cvtepi32_epi8(_mm512_srli_epi32(value, 8));
    auto* const to = reinterpret_cast<__m128i*>(words + k / 2);
    _mm_store_si128(to, _mm_unpacklo_epi32(low, high));
    _mm_store_si128(to + 1, _mm_unpackhi_epi32(low, high));
  }
  // The difference is zero, or NaN if the largest input is not finite.
  return is_zero ? 0.0f : largest / 32'767.0f + (largest - largest);
}

// The weights of AddInt8Dots. Each array has one pointer for each panel, to the words, scales and
// offsets of its first gate (Matrix). The words of the next gate follow kColumnQuantum floats
// later, its scales and offsets `scale_stride` floats later.
struct Int8Blocks {
  const float* const* words;
  int64_t row_size;   // floats from the words of four inputs to those of the next four
  int64_t num_words;  // words of each unit
  const float* const* scales;
  const float* const* offsets;
  int64_t scale_stride;
};

// sums += W x for kCount gates of kPanels panels and kCols columns. x[c] holds the words of column
// c, x_scales[c] its scale. The sums of gate g of panel p and column c are at
//
//   sums + p * panel_stride + g * gate_stride + c * kColumnQuantum
//
// All products and their sums are exact. Rounding happens only when a finished sum is converted to
// float and multiplied by its scales.
template <int kPanels, int kCount, int kCols>
RNNSERVE_INT8_TARGET __attribute__((noinline)) void AddInt8Dots(
    const Int8Blocks& blocks, const float* const* x, const float* x_scales, float* __restrict sums,
    int64_t panel_stride, int64_t gate_stride) {
  // Not __m512i, because GCC keeps arrays of that type in memory instead of registers.
  __v16si low[kPanels][kCount][kCols];
  __v16si high[kPanels][kCount][kCols];
  const float* row[kPanels];
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
    row[p] = blocks.words[p];
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
      const auto offset = (__v16si)_mm512_load_si512(blocks.offsets[p] + g * blocks.scale_stride);
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        low[p][g][c] = __v16si{};
        high[p][g][c] = offset;
      }
    }
  }
  for (int64_t k = 0; k < blocks.num_words; ++k) {
    // Load all weights first, then go column by column. In this order all sums stay in registers.
    __m512i weights[kPanels][kCount];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
      for (int g = 0; g < kCount; ++g) {
        weights[p][g] = _mm512_load_si512(row[p] + g * kColumnQuantum);
      }
      row[p] += blocks.row_size;
    }
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) {
      const __m512i low_bytes = _mm512_castps_si512(_mm512_set1_ps(x[c][2 * k]));
      const __m512i high_bytes = _mm512_castps_si512(_mm512_set1_ps(x[c][2 * k + 1]));
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
        for (int g = 0; g < kCount; ++g) {
          low[p][g][c] =
              (__v16si)_mm512_dpbusd_epi32((__m512i)low[p][g][c], low_bytes, weights[p][g]);
          high[p][g][c] =
              (__v16si)_mm512_dpbusd_epi32((__m512i)high[p][g][c], high_bytes, weights[p][g]);
        }
      }
    }
  }
  const __m512 per_high = _mm512_set1_ps(256.0f);
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 8
    for (int g = 0; g < kCount; ++g) {
      const __m512 scale = _mm512_load_ps(blocks.scales[p] + g * blocks.scale_stride);
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) {
        float* const to = sums + p * panel_stride + g * gate_stride + c * kColumnQuantum;
        const __m512 total = _mm512_fmadd_ps(_mm512_cvtepi32_ps((__m512i)high[p][g][c]), per_high,
                                             _mm512_cvtepi32_ps((__m512i)low[p][g][c]));
        const __m512 of_both = _mm512_mul_ps(scale, _mm512_set1_ps(x_scales[c]));
        _mm512_store_ps(to, _mm512_fmadd_ps(total, of_both, _mm512_load_ps(to)));
      }
    }
  }
}

#undef RNNSERVE_BFLOAT16_TARGET
#undef RNNSERVE_INT8_TARGET

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_NARROW_DOT_H_
