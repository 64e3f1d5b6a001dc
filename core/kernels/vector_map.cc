// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/vector_map.h"

#include <cmath>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/vector_map.cc"
#include "core/kernels/dispatch.h"
#include "core/kernels/portable_map.h"
#include "hwy/foreach_target.h"  // The file itself, for each target.
#if HWY_TARGET != HWY_SCALAR
#include "core/kernels/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

// Reads operand k of a call of Map: a vector of elements from i on, or of one scalar.
template <bool kIsScalar>
struct Reader {
  explicit HWY_INLINE Reader(const float* data) : data(data), value(Constant(*data)) {}
  HWY_INLINE Vec At(int64_t i) const {
    if constexpr (kIsScalar) return value;
    return hn::LoadU(FloatTag(), data + i);
  }
  // Reads `count` elements; the others of the vector are those of the first.
  HWY_INLINE Vec Tail(int64_t i, int64_t count) const {
    if constexpr (kIsScalar) return value;
    return LoadTail(data + i, count);
  }
  const float* data;
  Vec value;
};

// Reads an operand that is a scalar or not.
struct AnyReader {
  HWY_INLINE Vec At(int64_t i) const {
    return is_scalar ? Constant(*data) : hn::LoadU(FloatTag(), data + i);
  }
  HWY_INLINE Vec Tail(int64_t i, int64_t count) const {
    return is_scalar ? Constant(*data) : LoadTail(data + i, count);
  }
  const float* data;
  bool is_scalar;
};

// The arguments of a call of Map.
struct MapCall {
  template <int k>
  HWY_INLINE const float* Row(int64_t row) const {
    return operands[k] + row * rows.strides[k];
  }
  unsigned scalars;
  const float* const* operands;
  const MapRows& rows;
  int64_t n;
  float* result;
};

template <typename F, typename... Readers>
HWY_INLINE void OneRow(F f, int64_t n, float* result, Readers... operands) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(operands.At(i)...), d, result + i);
  if (i < n) StoreTail(f(operands.Tail(i, n - i)...), n - i, result + i);
}

// Calls f for all vectors of all rows. The arguments say which operands are scalars. The addresses
// are in registers, because a row may be one or two vectors: the states of a channel, for instance.
template <bool... kIsScalar, typename F, size_t... k>
HWY_INLINE void ForEachOf(F f, const MapCall& c, std::index_sequence<k...>) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const float* at[] = {c.operands[k]...};
  const int64_t steps[] = {c.rows.strides[k]...};
  float* to = c.result;
  const int64_t to_step = c.rows.result_stride;
  const int64_t n = c.n;
  const auto move_on = [&]() HWY_ATTR {
    ((at[k] += steps[k]), ...);
    to += to_step;
  };
  if (n == kLanes) {
    for (int64_t row = c.rows.count; row > 0; --row) {
      hn::StoreU(f(Reader<kIsScalar>(at[k]).At(0)...), d, to);
      move_on();
    }
    return;
  }
  if (n == 2 * kLanes) {
    for (int64_t row = c.rows.count; row > 0; --row) {
      const Vec first = f(Reader<kIsScalar>(at[k]).At(0)...);
      hn::StoreU(f(Reader<kIsScalar>(at[k]).At(kLanes)...), d, to + kLanes);
      hn::StoreU(first, d, to);
      move_on();
    }
    return;
  }
  for (int64_t row = c.rows.count; row > 0; --row) {
    OneRow(f, n, to, Reader<kIsScalar>(at[k])...);
    move_on();
  }
}
template <bool... kIsScalar, typename F>
HWY_INLINE void ForEach(F f, const MapCall& c) {
  ForEachOf<kIsScalar...>(f, c, std::make_index_sequence<sizeof...(kIsScalar)>());
}

template <typename F, size_t... k>
HWY_INLINE void ForEachAny(F f, const MapCall& c, std::index_sequence<k...>) {
  for (int64_t row = 0; row < c.rows.count; ++row) {
    OneRow(f, c.n, c.result + row * c.rows.result_stride,
           AnyReader{c.template Row<k>(row), (c.scalars >> k & 1) != 0}...);
  }
}

template <typename F>
HWY_NOINLINE void UnaryMap(F f, const MapCall& c) {
  if ((c.scalars & 1) != 0) {
    ForEach<true>(f, c);
  } else {
    ForEach<false>(f, c);
  }
}

template <typename F>
HWY_NOINLINE void BinaryMap(F f, const MapCall& c) {
  switch (c.scalars & 3) {
    case 0:
      return ForEach<false, false>(f, c);
    case 1:
      return ForEach<true, false>(f, c);
    case 2:
      return ForEach<false, true>(f, c);
    default:
      return ForEach<true, true>(f, c);
  }
}

template <typename F>
HWY_NOINLINE void TernaryMap(F f, const MapCall& c) {
  switch (c.scalars & 7) {
    case 0:
      return ForEach<false, false, false>(f, c);
    case 1:
      return ForEach<true, false, false>(f, c);
    case 2:
      return ForEach<false, true, false>(f, c);
    case 3:
      return ForEach<true, true, false>(f, c);
    case 4:
      return ForEach<false, false, true>(f, c);
    case 5:
      return ForEach<true, false, true>(f, c);
    case 6:
      return ForEach<false, true, true>(f, c);
    default:
      return ForEach<true, true, true>(f, c);
  }
}

// Updates of a matrix multiply a vector by a scalar, or two vectors, in each product; these have
// loops of their own.
HWY_NOINLINE void SumOfProductsMap(const MapCall& c) {
  const auto f = [](Vec a, Vec b, Vec x, Vec y)
                     HWY_ATTR { return hn::MulAdd(a, b, hn::Mul(x, y)); };
  switch (c.scalars) {
    case 0b0000:
      return ForEach<false, false, false, false>(f, c);
    case 0b1010:
      return ForEach<false, true, false, true>(f, c);
    case 0b1000:
      return ForEach<false, false, false, true>(f, c);
    case 0b0010:
      return ForEach<false, true, false, false>(f, c);
    default:
      return ForEachAny(f, c, std::make_index_sequence<4>());
  }
}

HWY_NOINLINE void SumOfThreeProductsMap(const MapCall& c) {
  const auto f = [](Vec a, Vec b, Vec x, Vec y, Vec z, Vec w)
                     HWY_ATTR { return hn::MulAdd(a, b, hn::MulAdd(x, y, hn::Mul(z, w))); };
  switch (c.scalars) {
    case 0b101000:
      return ForEach<false, false, false, true, false, true>(f, c);
    default:
      return ForEachAny(f, c, std::make_index_sequence<6>());
  }
}

HWY_INLINE Vec Truth(hn::Mask<FloatTag> mask) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  return hn::IfThenElseZero(mask, hn::BitCast(d, hn::Set(di, 1)));
}

#define RNNSERVE_UNARY(name, formula) \
  case MapFunction::name:             \
    return UnaryMap([](Vec a) HWY_ATTR { return formula; }, c);
#define RNNSERVE_BINARY(name, formula) \
  case MapFunction::name:              \
    return BinaryMap([](Vec a, Vec b) HWY_ATTR { return formula; }, c);
#define RNNSERVE_TERNARY(name, formula) \
  case MapFunction::name:               \
    return TernaryMap([](Vec a, Vec b, Vec c) HWY_ATTR { return formula; }, c);

void Map(MapFunction function, unsigned scalars, const float* const* operands, const MapRows& rows,
         int64_t n, float* result) {
  const MapCall c{scalars, operands, rows, n, result};
  switch (function) {
    RNNSERVE_UNARY(kNeg, hn::Neg(a))
    RNNSERVE_UNARY(kAbs, hn::Abs(a))
    RNNSERVE_UNARY(kSign, Sign(a))
    RNNSERVE_UNARY(kExp, Exp(a))
    RNNSERVE_UNARY(kLog, Log(a))
    RNNSERVE_UNARY(kLog1p, Log1p(a))
    RNNSERVE_UNARY(kSqrt, hn::Sqrt(a))
    RNNSERVE_UNARY(kRsqrt, hn::Div(Constant(1.0f), hn::Sqrt(a)))
    RNNSERVE_UNARY(kSquare, hn::Mul(a, a))
    RNNSERVE_UNARY(kSin, Sin(a))
    RNNSERVE_UNARY(kCos, Cos(a))
    RNNSERVE_UNARY(kTanh, Tanh(a))
    RNNSERVE_UNARY(kSigmoid, Sigmoid(a))
    RNNSERVE_UNARY(kSoftplus, Softplus(a))
    RNNSERVE_UNARY(kLogSigmoid, hn::Neg(Softplus(hn::Neg(a))))
    RNNSERVE_UNARY(kSilu, hn::Mul(a, Sigmoid(a)))
    RNNSERVE_UNARY(kRelu, AtLeast(0.0f, a))
    RNNSERVE_UNARY(kFloor, hn::Floor(a))
    RNNSERVE_UNARY(kCeil, hn::Ceil(a))
    RNNSERVE_UNARY(kRound, hn::Round(a))
    RNNSERVE_UNARY(kIsFinite, Truth(hn::Lt(hn::Abs(a), Constant(HUGE_VALF))))
    RNNSERVE_UNARY(kIsNan, Truth(hn::IsNaN(a)))
    RNNSERVE_BINARY(kEq, Truth(hn::Eq(a, b)))
    RNNSERVE_BINARY(kNe, Truth(hn::Ne(a, b)))
    RNNSERVE_BINARY(kLt, Truth(hn::Lt(a, b)))
    RNNSERVE_BINARY(kLe, Truth(hn::Le(a, b)))
    RNNSERVE_BINARY(kGt, Truth(hn::Gt(a, b)))
    RNNSERVE_BINARY(kGe, Truth(hn::Ge(a, b)))
    RNNSERVE_BINARY(kAdd, hn::Add(a, b))
    RNNSERVE_BINARY(kSub, hn::Sub(a, b))
    RNNSERVE_BINARY(kMul, hn::Mul(a, b))
    RNNSERVE_BINARY(kDiv, hn::Div(a, b))
    RNNSERVE_BINARY(kMax, Maximum(a, b))
    RNNSERVE_BINARY(kMin, Minimum(a, b))
    RNNSERVE_TERNARY(kMulAdd, hn::MulAdd(a, b, c))
    RNNSERVE_TERNARY(kMulSub, hn::MulSub(a, b, c))
    RNNSERVE_TERNARY(kNegMulAdd, hn::NegMulAdd(a, b, c))
    RNNSERVE_TERNARY(kWhere, Choose(a, b, c))
    case MapFunction::kSumOfProducts:
      return SumOfProductsMap(c);
    case MapFunction::kSumOfThreeProducts:
      return SumOfThreeProductsMap(c);
    default:
      return PortableMap(function, scalars, operands, rows, n, result);
  }
}

#undef RNNSERVE_UNARY
#undef RNNSERVE_BINARY
#undef RNNSERVE_TERNARY

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace rnnserve {

int NumOperands(MapFunction function) {
  if (function < MapFunction::kEq) return 1;
  if (function < MapFunction::kMulAdd) return 2;
  if (function == MapFunction::kSumOfThreeProducts) return 6;
  return function == MapFunction::kSumOfProducts ? 4 : 3;
}

void Map(MapFunction function, unsigned scalars, const float* const* operands, const MapRows& rows,
         int64_t n, float* result) {
  RNNSERVE_KERNEL(Map, &PortableMap)(function, scalars, operands, rows, n, result);
}

}  // namespace rnnserve
#endif
