// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/ceilings.h"

#include <cstdlib>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/ceilings.cc"
#include "core/kernels/dispatch.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using CeilingTag = hn::CappedTag<float, 16>;
using CeilingVec = hn::Vec<CeilingTag>;

// Two multiply-adds in each cycle with a latency of four cycles need 8 chains. 12 chains and their
// operands fit into the 16 registers of SSE and AVX2.
constexpr int kChains = 12;

float RunChains(int64_t num_rounds, double* num_operations) {
  const CeilingTag d;
  // Each chain converges to 2 from a different value, because the compiler would merge equal
  // chains.
  const CeilingVec half = hn::Set(d, 0.5f);
  const CeilingVec one = hn::Set(d, 1.0f);
  CeilingVec chain[kChains];
  HWY_UNROLL(12) for (int k = 0; k < kChains; ++k) {
    chain[k] = hn::Set(d, static_cast<float>(num_rounds + k));
  }
  for (int64_t i = 0; i < num_rounds; ++i) {
    HWY_UNROLL(12) for (int k = 0; k < kChains; ++k) chain[k] = hn::MulAdd(chain[k], half, one);
  }
  *num_operations =
      2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(num_rounds);
  CeilingVec sum = chain[0];
  for (int k = 1; k < kChains; ++k) sum = hn::Add(sum, chain[k]);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// kReadQuantum floats hold at least one vector for each of the 8 sums.
constexpr int kSums = 8;

template <int kStreams>
HWY_INLINE float Sum(const float* HWY_RESTRICT values, int64_t size) {
  constexpr int kSumsOfStream = kSums / kStreams;
  const CeilingTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t part = size / kStreams;
  CeilingVec sum[kStreams][kSumsOfStream];
  HWY_UNROLL(8) for (int s = 0; s < kStreams; ++s) {
    HWY_UNROLL(8) for (int k = 0; k < kSumsOfStream; ++k) sum[s][k] = hn::Zero(d);
  }
  for (int64_t i = 0; i < part; i += kSumsOfStream * lanes) {
    HWY_UNROLL(8) for (int s = 0; s < kStreams; ++s) {
      HWY_UNROLL(8) for (int k = 0; k < kSumsOfStream; ++k) {
        sum[s][k] = hn::Add(sum[s][k], hn::Load(d, values + s * part + i + k * lanes));
      }
    }
  }
  CeilingVec total = hn::Zero(d);
  for (int s = 0; s < kStreams; ++s) {
    for (int k = 0; k < kSumsOfStream; ++k) total = hn::Add(total, sum[s][k]);
  }
  return hn::GetLane(hn::SumOfLanes(d, total));
}

float SumOneStream(const float* values, int64_t size) { return Sum<1>(values, size); }
float SumTwoStreams(const float* values, int64_t size) { return Sum<2>(values, size); }
float SumFourStreams(const float* values, int64_t size) { return Sum<4>(values, size); }

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
#if HWY_ARCH_X86
#include <immintrin.h>
#endif

namespace rnnserve::testing {
namespace {

#if HWY_ARCH_X86
// Separate from the functions above because Highway 1.0 does not have these instructions.
constexpr int kNarrowChains = 24;
constexpr int kNarrowLanes = 16;

__attribute__((target("avx512f,avx512bf16"))) float RunPairChains(int64_t num_rounds,
                                                                  double* num_operations) {
  const auto halves = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  const auto ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
  // Each chain starts from a different value and grows by 1 in each round. The starting values add
  // up to 0.
  __m512 chain[kNarrowChains];
#pragma GCC unroll 24
  for (int k = 0; k < kNarrowChains; ++k) {
    chain[k] = _mm512_set1_ps(static_cast<float>(k) - 0.5f * (kNarrowChains - 1));
  }
  for (int64_t i = 0; i < num_rounds; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kNarrowChains; ++k) chain[k] = _mm512_dpbf16_ps(chain[k], halves, ones);
  }
  *num_operations = 4.0 * kNarrowChains * kNarrowLanes * static_cast<double>(num_rounds);
  __m512 sum = chain[0];
  for (int k = 1; k < kNarrowChains; ++k) sum = _mm512_add_ps(sum, chain[k]);
  return _mm512_reduce_add_ps(sum);
}

__attribute__((target("avx512f,avx512vnni"))) float RunFourChains(int64_t num_rounds,
                                                                  double* num_operations) {
  const __m512i ones = _mm512_set1_epi8(1);
  // Each chain starts as in RunPairChains and grows by 4 in each round. The type is not __m512i,
  // because GCC keeps such arrays in memory.
  __v16si chain[kNarrowChains];
#pragma GCC unroll 24
  for (int k = 0; k < kNarrowChains; ++k) {
    chain[k] = (__v16si)_mm512_set1_epi32(2 * k - (kNarrowChains - 1));
  }
  for (int64_t i = 0; i < num_rounds; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kNarrowChains; ++k) {
      chain[k] = (__v16si)_mm512_dpbusd_epi32((__m512i)chain[k], ones, ones);
    }
  }
  constexpr double kOperations = 8.0 / 2.0;
  *num_operations = kOperations * kNarrowChains * kNarrowLanes * static_cast<double>(num_rounds);
  __v16si sum = chain[0];
  for (int k = 1; k < kNarrowChains; ++k) sum += chain[k];
  return static_cast<float>(_mm512_reduce_add_epi32((__m512i)sum));
}
#else
float RunPairChains(int64_t, double*) { std::abort(); }
float RunFourChains(int64_t, double*) { std::abort(); }
#endif

}  // namespace

float MultiplyAndAdd(int64_t num_rounds, double* num_operations) {
  return RNNSERVE_STEP_KERNEL(RunChains)(num_rounds, num_operations);
}

float MultiplyAndAddPairs(int64_t num_rounds, double* num_operations) {
  return RunPairChains(num_rounds, num_operations);
}

float MultiplyAndAddFours(int64_t num_rounds, double* num_operations) {
  return RunFourChains(num_rounds, num_operations);
}

float ReadAll(const AlignedBuffer& values, int num_streams) {
  const float* const data = values.data();
  const int64_t size = values.size();
  switch (num_streams) {
    case 1:
      return RNNSERVE_STEP_KERNEL(SumOneStream)(data, size);
    case 2:
      return RNNSERVE_STEP_KERNEL(SumTwoStreams)(data, size);
    default:
      return RNNSERVE_STEP_KERNEL(SumFourStreams)(data, size);
  }
}

}  // namespace rnnserve::testing
#endif
