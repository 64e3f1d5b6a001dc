// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/vector_reduce.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/vector_reduce.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/portable_reduce.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

constexpr int64_t kReduceLanes = hn::MaxLanes(FloatTag());
// Independent partial results. Each addition waits for the one before to the same partial result.
constexpr int kPartials = 4;

struct SumOf {
  static HWY_INLINE Vec Start() { return hn::Zero(FloatTag()); }
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Add(a, b); }
};
struct ProductOf {
  static HWY_INLINE Vec Start() { return Constant(1.0f); }
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return hn::Mul(a, b); }
};
struct MaximumOf {
  static HWY_INLINE Vec Start() { return Constant(-HUGE_VALF); }
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return Maximum(a, b); }
};
struct MinimumOf {
  static HWY_INLINE Vec Start() { return Constant(HUGE_VALF); }
  HWY_INLINE Vec operator()(Vec a, Vec b) const { return Minimum(a, b); }
};

// Reads `count` values; the other lanes are those of `others`.
HWY_INLINE Vec TailOr(Vec others, const float* from, int64_t count) {
  const FloatTag d;
  HWY_ALIGN float values[kReduceLanes];
  hn::Store(others, d, values);
  for (int64_t i = 0; i < count; ++i) values[i] = from[i];
  return hn::Load(d, values);
}

// Combines the lanes of a vector, in halves.
template <typename F>
HWY_INLINE float CombineLanes(F f, Vec x) {
  const FloatTag d;
  HWY_ALIGN float values[2 * kReduceLanes] = {};
  hn::Store(x, d, values);
  for (int64_t half = kReduceLanes / 2; half > 0; half /= 2) {
    hn::Store(f(hn::Load(d, values), hn::LoadU(d, values + half)), d, values);
  }
  return values[0];
}

template <typename F>
HWY_NOINLINE float ReduceWith(F f, const float* values, int64_t n) {
  const FloatTag d;
  Vec partial[kPartials];
  for (Vec& p : partial) p = F::Start();
  int64_t i = 0;
  for (; i + kPartials * kReduceLanes <= n; i += kPartials * kReduceLanes) {
    HWY_UNROLL(4) for (int p = 0; p < kPartials; ++p) {
      partial[p] = f(partial[p], hn::LoadU(d, values + i + p * kReduceLanes));
    }
  }
  for (; i + kReduceLanes <= n; i += kReduceLanes) {
    partial[0] = f(partial[0], hn::LoadU(d, values + i));
  }
  if (i < n) partial[1] = f(partial[1], TailOr(F::Start(), values + i, n - i));
  return CombineLanes(f, f(f(partial[0], partial[1]), f(partial[2], partial[3])));
}

float ReduceVector(Reduction reduction, const float* values, int64_t n) {
  switch (reduction) {
    case Reduction::kSum:
      return ReduceWith(SumOf(), values, n);
    case Reduction::kMax:
      return ReduceWith(MaximumOf(), values, n);
    case Reduction::kMin:
      return ReduceWith(MinimumOf(), values, n);
    case Reduction::kProduct:
      return ReduceWith(ProductOf(), values, n);
  }
  return 0.0f;
}

HWY_INLINE float DotOf(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t n) {
  const FloatTag d;
  Vec partial[kPartials];
  for (Vec& p : partial) p = hn::Zero(d);
  int64_t i = 0;
  for (; i + kPartials * kReduceLanes <= n; i += kPartials * kReduceLanes) {
    HWY_UNROLL(4) for (int p = 0; p < kPartials; ++p) {
      const int64_t at = i + p * kReduceLanes;
      partial[p] = hn::MulAdd(hn::LoadU(d, a + at), hn::LoadU(d, b + at), partial[p]);
    }
  }
  for (; i + kReduceLanes <= n; i += kReduceLanes) {
    partial[0] = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), partial[0]);
  }
  if (i < n) {
    const Vec zero = hn::Zero(d);
    partial[1] = hn::MulAdd(TailOr(zero, a + i, n - i), TailOr(zero, b + i, n - i), partial[1]);
  }
  const Vec sum = hn::Add(hn::Add(partial[0], partial[1]), hn::Add(partial[2], partial[3]));
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

float DotVectors(const float* a, const float* b, int64_t n) { return DotOf(a, b, n); }

// Computes kRows rows from `first` on, with one partial result for each. The sums of several rows
// are independent, so none waits for another.
template <int kRows>
HWY_INLINE void DotSomeRows(const DotRowsArguments& rows, int64_t first, int64_t n) {
  const FloatTag d;
  const float* const a = rows.a + first * rows.a_stride;
  const float* const b = rows.b + first * rows.b_stride;
  Vec sum[kRows];
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) sum[r] = hn::Zero(d);
  int64_t i = 0;
  if (rows.b_stride == 0) {
    for (; i + kReduceLanes <= n; i += kReduceLanes) {
      const Vec shared = hn::LoadU(d, b + i);
      HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) {
        sum[r] = hn::MulAdd(hn::LoadU(d, a + r * rows.a_stride + i), shared, sum[r]);
      }
    }
  } else {
    for (; i + kReduceLanes <= n; i += kReduceLanes) {
      HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) {
        sum[r] = hn::MulAdd(hn::LoadU(d, a + r * rows.a_stride + i),
                            hn::LoadU(d, b + r * rows.b_stride + i), sum[r]);
      }
    }
  }
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) {
    if (i < n) {
      const Vec zero = hn::Zero(d);
      sum[r] = hn::MulAdd(TailOr(zero, a + r * rows.a_stride + i, n - i),
                          TailOr(zero, b + r * rows.b_stride + i, n - i), sum[r]);
    }
    rows.result[(first + r) * rows.result_stride] = hn::GetLane(hn::SumOfLanes(d, sum[r]));
  }
}

void DotRows(const DotRowsArguments& rows, int64_t n) {
  constexpr int kRowsAtOnce = 8;
  int64_t r = 0;
  for (; r + kRowsAtOnce <= rows.count; r += kRowsAtOnce) DotSomeRows<kRowsAtOnce>(rows, r, n);
  for (; r < rows.count; ++r) DotSomeRows<1>(rows, r, n);
}

// Sets kVectors vectors of the result from `add(result so far, row, vector of the row)`, over all
// rows. A vector that is not whole has `count` elements.
template <int kNumVectors, typename AddRow>
HWY_INLINE void OverRows(const RowsToReduce& rows, int64_t first, int64_t count, bool goes_on,
                         Vec start, float* result, AddRow add) {
  const FloatTag d;
  Vec sum[kNumVectors];
  const bool is_whole = count == kReduceLanes;
  const float* row = rows.values + first;
  HWY_UNROLL(4) for (int v = 0; v < kNumVectors; ++v) {
    if (!goes_on) {
      sum[v] = start;
    } else if (is_whole) {
      sum[v] = hn::LoadU(d, result + first + v * kReduceLanes);
    } else {
      sum[v] = LoadTail(result + first, count);
    }
  }
  for (int64_t k = 0; k < rows.count; ++k, row += rows.stride) {
    HWY_UNROLL(4) for (int v = 0; v < kNumVectors; ++v) {
      const Vec x = is_whole ? hn::LoadU(d, row + v * kReduceLanes) : LoadTail(row, count);
      sum[v] = add(sum[v], k, x);
    }
  }
  HWY_UNROLL(4) for (int v = 0; v < kNumVectors; ++v) {
    if (is_whole) {
      hn::StoreU(sum[v], d, result + first + v * kReduceLanes);
    } else {
      StoreTail(sum[v], count, result + first);
    }
  }
}

template <typename AddRow>
HWY_INLINE void OverAllVectors(const RowsToReduce& rows, bool goes_on, Vec start, int64_t n,
                               float* result, AddRow add) {
  int64_t j = 0;
  for (; j + 4 * kReduceLanes <= n; j += 4 * kReduceLanes) {
    OverRows<4>(rows, j, kReduceLanes, goes_on, start, result, add);
  }
  for (; j < n; j += kReduceLanes) {
    OverRows<1>(rows, j, std::min(kReduceLanes, n - j), goes_on, start, result, add);
  }
}

template <typename F>
HWY_NOINLINE void ReduceRowsWith(F f, const RowsToReduce& rows, bool goes_on, int64_t n,
                                 float* result) {
  OverAllVectors(rows, goes_on, F::Start(), n, result,
                 [&](Vec sum, int64_t, Vec x) HWY_ATTR { return f(sum, x); });
}

void ReduceRows(Reduction reduction, const RowsToReduce& rows, bool goes_on, int64_t n,
                float* result) {
  switch (reduction) {
    case Reduction::kSum:
      return ReduceRowsWith(SumOf(), rows, goes_on, n, result);
    case Reduction::kMax:
      return ReduceRowsWith(MaximumOf(), rows, goes_on, n, result);
    case Reduction::kMin:
      return ReduceRowsWith(MinimumOf(), rows, goes_on, n, result);
    case Reduction::kProduct:
      return ReduceRowsWith(ProductOf(), rows, goes_on, n, result);
  }
}

void WeightedSum(const float* factors, int64_t factor_stride, const RowsToReduce& rows,
                 bool goes_on, int64_t n, float* result) {
  OverAllVectors(rows, goes_on, hn::Zero(FloatTag()), n, result,
                 [&](Vec sum, int64_t k, Vec x)
                     HWY_ATTR { return hn::MulAdd(Constant(factors[k * factor_stride]), x, sum); });
}

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

float ReduceVector(Reduction reduction, const float* values, int64_t n) {
  return RNNSERVE_KERNEL(ReduceVector, &PortableReduceVector)(reduction, values, n);
}

void ReduceRows(Reduction reduction, const RowsToReduce& rows, bool goes_on, int64_t n,
                float* result) {
  RNNSERVE_KERNEL(ReduceRows, &PortableReduceRows)(reduction, rows, goes_on, n, result);
}

float DotVectors(const float* a, const float* b, int64_t n) {
  return RNNSERVE_KERNEL(DotVectors, &PortableDotVectors)(a, b, n);
}

void DotRows(const DotRowsArguments& rows, int64_t n) {
  RNNSERVE_KERNEL(DotRows, &PortableDotRows)(rows, n);
}

void WeightedSum(const float* factors, int64_t factor_stride, const RowsToReduce& rows,
                 bool goes_on, int64_t n, float* result) {
  RNNSERVE_KERNEL(WeightedSum, &PortableWeightedSum)
  (factors, factor_stride, rows, goes_on, n, result);
}

}  // namespace rnnserve
#endif
