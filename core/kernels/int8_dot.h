// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_INT8_DOT_H_
#define RNNSERVE_CORE_KERNELS_INT8_DOT_H_

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "core/kernels/columns.h"

// Another instruction that Highway 1.0 lacks: vpdpbusd adds the products of four unsigned bytes and
// four signed ones to each 32-bit sum. The signed ones are weights, the unsigned ones the low or
// the high bytes of inputs of 16 bits (operand.h). For Isa kAvx512Vnni and kAvx512Bf16.

namespace rnnserve {

#define RNNSERVE_INT8_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// With more inputs a sum might not fit into 32 bits: each adds less than 48,641 to that of the high
// bytes, which begins with -128 times the sum of the weights.
constexpr int64_t kMaxInt8Inputs = 32'768;

// Smaller ones are taken for zero, so that no scale and no reciprocal leaves the range of floats.
constexpr float kLeastInt8Input = 1e-33f;

// Rounds `count` inputs to 16 bits, of which words[2 i] and words[2 i + 1] get the low and the high
// bytes of inputs [4 i, 4 i + 4), up to a multiple of 16 inputs, and returns their scale: see
// operand.h.
RNNSERVE_INT8_TARGET inline float RoundToBytes(const float* x, int64_t count, float* words) {
  const auto load = [x, count](int64_t k) RNNSERVE_INT8_TARGET {
    const int64_t left = std::min<int64_t>(count - k, 16);
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << left) - 1), x + k);
  };
  // As whole numbers the bits of floats without a sign have their order, with NaN above infinity.
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
  // x - x is zero, or NaN if x is not finite.
  return is_zero ? 0.0f : largest / 32'767.0f + (largest - largest);
}

// The weights of AddInt8Dots, by panel: where those of its first gate are (Matrix). The next gate's
// words are kColumnQuantum behind, its scales and offsets `scale_stride`.
struct Int8Blocks {
  const float* const* words;
  int64_t row_size;   // floats from the word of four inputs to that of the next four
  int64_t num_words;  // for each unit
  const float* const* scales;
  const float* const* offsets;
  int64_t scale_stride;
};

// sums += W x for kCount gates of kPanels panels and kCols columns. x[c] are the words of the c-th
// column, x_scales[c] is its scale. Gate g of panel p of that column is at
//
//   sums + p * panel_stride + g * gate_stride + c * kColumnQuantum
//
// All products and their sums are exact; what is rounded is a sum's conversion to float and its
// scales.
template <int kPanels, int kCount, int kCols>
RNNSERVE_INT8_TARGET __attribute__((noinline)) void AddInt8Dots(
    const Int8Blocks& blocks, const float* const* x, const float* x_scales, float* __restrict sums,
    int64_t panel_stride, int64_t gate_stride) {
  // Not __m512i: GCC keeps arrays of it in memory.
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
    // Weights first, then column after column: so all sums have a register.
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

#undef RNNSERVE_INT8_TARGET

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_INT8_DOT_H_
