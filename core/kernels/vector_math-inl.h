// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Activations of one vector register of floats, compiled for each instruction set; see dispatch.h.

#if defined(RNNSERVE_CORE_KERNELS_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNSERVE_CORE_KERNELS_VECTOR_MATH_INL_H_
#undef RNNSERVE_CORE_KERNELS_VECTOR_MATH_INL_H_
#else
#define RNNSERVE_CORE_KERNELS_VECTOR_MATH_INL_H_
#endif

#include "core/kernels/activation.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A vector has at most 16 floats, so that it never reaches past the units of a panel.
using FloatTag = hn::CappedTag<float, 16>;
using Vec = hn::Vec<FloatTag>;

HWY_INLINE Vec Constant(float value) { return hn::Set(FloatTag(), value); }

// Return the larger or the smaller of a limit and x. The order of the operands matters: x86 returns
// the second one if either is NaN, so a NaN in x stays NaN.
HWY_INLINE Vec AtLeast(float limit, Vec x) { return hn::Max(Constant(limit), x); }
HWY_INLINE Vec AtMost(float limit, Vec x) { return hn::Min(Constant(limit), x); }

// exp(sign * x) = scale * (1 + fraction), where scale is a power of two. The activations are built
// from it.
struct Exponential {
  Vec scale;
  Vec fraction;
};

// Computes exp(sign * x). REQUIRES: sign is 1 or -1, and sign * x is in [-87.3, 88] or x is NaN.
//
// The polynomial and the two parts of ln 2 are from Cephes (Moshier, expf.c). The first part of ln
// 2 has few enough bits that its products are exact.
template <int sign>
HWY_INLINE Exponential ReducedExp(Vec x) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits of the float. Another
  // 127, the bias of the exponent, makes it the exponent of a float.
  const Vec magic = Constant(12582912.0f + 127.0f);
  const Vec shifted = hn::MulAdd(x, Constant(sign * 1.44269504088896341f), magic);
  const Vec n = hn::Sub(shifted, magic);
  // sign * r is the remainder of sign * x after subtracting n ln 2.
  Vec r = hn::NegMulAdd(n, Constant(sign * 0.693359375f), x);
  r = hn::NegMulAdd(n, Constant(sign * -2.12194440e-4f), r);
  Vec q = hn::MulAdd(Constant(sign * 1.9875691500e-4f), r, Constant(1.3981999507e-3f));
  q = hn::MulAdd(q, r, Constant(sign * 8.3334519073e-3f));
  q = hn::MulAdd(q, r, Constant(4.1665795894e-2f));
  q = hn::MulAdd(q, r, Constant(sign * 1.6666665459e-1f));
  q = hn::MulAdd(q, r, Constant(5.0000001201e-1f));
  const Vec square = hn::Mul(r, r);
  return {hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted))),
          sign > 0 ? hn::MulAdd(q, square, r) : hn::MulSub(q, square, r)};
}

// Returns 1 / (1 + exp(-x)), or 0 below -88.
HWY_INLINE Vec Sigmoid(Vec x) {
  const Vec one = Constant(1.0f);
  const Exponential e = ReducedExp<-1>(AtLeast(-88.0f, AtMost(87.3f, x)));
  const Vec y = hn::Div(one, hn::MulAdd(e.scale, e.fraction, hn::Add(e.scale, one)));
  return hn::IfThenZeroElse(hn::Lt(x, Constant(-88.0f)), y);
}

// Returns (exp(2 x) - 1) / (exp(2 x) + 1); beyond 9.02 the result is 1 or -1. exp(2 x) - 1 is
// computed from the fraction directly, so that small values lose no bits to cancellation.
HWY_INLINE Vec Tanh(Vec x) {
  const Vec bounded = AtLeast(-9.02f, AtMost(9.02f, x));
  const Exponential e = ReducedExp<1>(hn::Add(bounded, bounded));
  const Vec minus_1 = hn::MulAdd(e.scale, e.fraction, hn::Sub(e.scale, Constant(1.0f)));
  return hn::Div(minus_1, hn::Add(minus_1, Constant(2.0f)));
}

HWY_INLINE Vec HardSigmoid(float slope, Vec x) {
  return AtLeast(0.0f, AtMost(1.0f, hn::MulAdd(x, Constant(slope), Constant(0.5f))));
}

// Returns activation(x). REQUIRES: IsVectorised(activation).
HWY_INLINE Vec Apply(Activation activation, Vec x) {
  switch (activation) {
    case Activation::kTanh:
      return Tanh(x);
    case Activation::kSigmoid:
      return Sigmoid(x);
    case Activation::kRelu:
      return AtLeast(0.0f, x);
    case Activation::kRelu6:
      return AtLeast(0.0f, AtMost(6.0f, x));
    case Activation::kHardSigmoid:
      return HardSigmoid(1.0f / 6.0f, x);
    case Activation::kHardSigmoidV1:
      return HardSigmoid(0.2f, x);
    case Activation::kHardTanh:
      return AtLeast(-1.0f, AtMost(1.0f, x));
    case Activation::kSilu:
      return hn::Mul(x, Sigmoid(x));
    case Activation::kSoftsign:
      return hn::Div(x, hn::Add(Constant(1.0f), hn::Abs(x)));
    default:
      return x;
  }
}

// Activations as template arguments. tanh and sigmoid, the usual ones, are resolved at compile
// time; AnyFunction looks the activation up for every vector.
struct TanhFunction {
  explicit TanhFunction(Activation /*activation*/) {}
  HWY_INLINE Vec operator()(Vec x) const { return Tanh(x); }
};
struct SigmoidFunction {
  explicit SigmoidFunction(Activation /*activation*/) {}
  HWY_INLINE Vec operator()(Vec x) const { return Sigmoid(x); }
};
struct AnyFunction {
  explicit AnyFunction(Activation activation) : activation(activation) {}
  HWY_INLINE Vec operator()(Vec x) const { return Apply(activation, x); }
  Activation activation;
};

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
