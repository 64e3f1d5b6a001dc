// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/vector_map.h"

#include <cmath>

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

template <typename F, typename... Readers>
HWY_INLINE void ForEach(F f, int64_t n, float* result, Readers... operands) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(operands.At(i)...), d, result + i);
  if (i < n) StoreTail(f(operands.Tail(i, n - i)...), n - i, result + i);
}

template <typename F>
HWY_NOINLINE void UnaryMap(F f, unsigned scalars, const float* const* x, int64_t n, float* result) {
  if ((scalars & 1) != 0) {
    ForEach(f, n, result, Reader<true>(x[0]));
  } else {
    ForEach(f, n, result, Reader<false>(x[0]));
  }
}

template <typename F>
HWY_NOINLINE void BinaryMap(F f, unsigned scalars, const float* const* x, int64_t n,
                            float* result) {
  using S = Reader<true>;
  using V = Reader<false>;
  switch (scalars & 3) {
    case 0:
      return ForEach(f, n, result, V(x[0]), V(x[1]));
    case 1:
      return ForEach(f, n, result, S(x[0]), V(x[1]));
    case 2:
      return ForEach(f, n, result, V(x[0]), S(x[1]));
    default:
      return ForEach(f, n, result, S(x[0]), S(x[1]));
  }
}

template <typename F>
HWY_NOINLINE void TernaryMap(F f, unsigned scalars, const float* const* x, int64_t n,
                             float* result) {
  using S = Reader<true>;
  using V = Reader<false>;
  switch (scalars & 7) {
    case 0:
      return ForEach(f, n, result, V(x[0]), V(x[1]), V(x[2]));
    case 1:
      return ForEach(f, n, result, S(x[0]), V(x[1]), V(x[2]));
    case 2:
      return ForEach(f, n, result, V(x[0]), S(x[1]), V(x[2]));
    case 3:
      return ForEach(f, n, result, S(x[0]), S(x[1]), V(x[2]));
    case 4:
      return ForEach(f, n, result, V(x[0]), V(x[1]), S(x[2]));
    case 5:
      return ForEach(f, n, result, S(x[0]), V(x[1]), S(x[2]));
    case 6:
      return ForEach(f, n, result, V(x[0]), S(x[1]), S(x[2]));
    default:
      return ForEach(f, n, result, S(x[0]), S(x[1]), S(x[2]));
  }
}

// Each operand is read as a vector whose step from one element to the next is 0 or 1, except in the
// usual case of an update of a matrix: vectors a and c, scalars b and d.
HWY_NOINLINE void SumOfProductsMap(unsigned scalars, const float* const* x, int64_t n,
                                   float* result) {
  const auto f = [](Vec a, Vec b, Vec c, Vec d)
                     HWY_ATTR { return hn::MulAdd(a, b, hn::Mul(c, d)); };
  using S = Reader<true>;
  using V = Reader<false>;
  switch (scalars & 15) {
    case 0b0000:
      return ForEach(f, n, result, V(x[0]), V(x[1]), V(x[2]), V(x[3]));
    case 0b1010:
      return ForEach(f, n, result, V(x[0]), S(x[1]), V(x[2]), S(x[3]));
    case 0b1000:
      return ForEach(f, n, result, V(x[0]), V(x[1]), V(x[2]), S(x[3]));
    case 0b0010:
      return ForEach(f, n, result, V(x[0]), S(x[1]), V(x[2]), V(x[3]));
    default:
      break;
  }
  const auto at = [&](int k, int64_t i) { return x[k] + ((scalars >> k & 1) != 0 ? 0 : i); };
  for (int64_t i = 0; i < n; ++i) {
    ForEach(f, 1, result + i, V(at(0, i)), V(at(1, i)), V(at(2, i)), V(at(3, i)));
  }
}

HWY_INLINE Vec Truth(hn::Mask<FloatTag> mask) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  return hn::IfThenElseZero(mask, hn::BitCast(d, hn::Set(di, 1)));
}

#define RNNSERVE_UNARY(name, formula) \
  case MapFunction::name:             \
    return UnaryMap([](Vec a) HWY_ATTR { return formula; }, scalars, x, n, result);
#define RNNSERVE_BINARY(name, formula) \
  case MapFunction::name:              \
    return BinaryMap([](Vec a, Vec b) HWY_ATTR { return formula; }, scalars, x, n, result);
#define RNNSERVE_TERNARY(name, formula) \
  case MapFunction::name:               \
    return TernaryMap([](Vec a, Vec b, Vec c) HWY_ATTR { return formula; }, scalars, x, n, result);

void Map(MapFunction function, unsigned scalars, const float* const* x, int64_t n, float* result) {
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
      return SumOfProductsMap(scalars, x, n, result);
    default:
      return PortableMap(function, scalars, x, n, result);
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
  return function == MapFunction::kSumOfProducts ? 4 : 3;
}

void Map(MapFunction function, unsigned scalars, const float* const* operands, int64_t n,
         float* result) {
  RNNSERVE_KERNEL(Map, &PortableMap)(function, scalars, operands, n, result);
}

}  // namespace rnnserve
#endif
