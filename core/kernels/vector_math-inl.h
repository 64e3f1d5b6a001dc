// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The activations of one vector register, for whatever instruction set this is included under; see
// dispatch.h.

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

// A column goes by in vectors of at most a panel's width.
using FloatTag = hn::CappedTag<float, 16>;
using Vec = hn::Vec<FloatTag>;

HWY_INLINE Vec Constant(float value) { return hn::Set(FloatTag(), value); }

// The larger or smaller of a limit and x. A NaN stays: x86 returns its second operand then.
HWY_INLINE Vec AtLeast(float limit, Vec x) { return hn::Max(Constant(limit), x); }
HWY_INLINE Vec AtMost(float limit, Vec x) { return hn::Min(Constant(limit), x); }

// exp(sign * x) = scale * (1 + fraction), scale a power of two: what the activations are made of.
struct Exponential {
  Vec scale;
  Vec fraction;
};

// REQUIRES: sign is 1 or -1, and sign * x within [-87.3, 88], or x is NaN. The polynomial and the
// two parts of ln 2 are those of Cephes (Moshier, expf.c); the first part has so few bits that its
// products are exact.
template <int sign>
HWY_INLINE Exponential ReducedExp(Vec x) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits; 127 more make it
  // the exponent of a float.
  const Vec magic = Constant(12582912.0f + 127.0f);
  const Vec shifted = hn::MulAdd(x, Constant(sign * 1.44269504088896341f), magic);
  const Vec n = hn::Sub(shifted, magic);
  // sign * r is what is left of sign * x.
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

// 1 / (1 + exp(-x)); 0 below -88.
HWY_INLINE Vec Sigmoid(Vec x) {
  const Vec one = Constant(1.0f);
  const Exponential e = ReducedExp<-1>(AtLeast(-88.0f, AtMost(87.3f, x)));
  const Vec y = hn::Div(one, hn::MulAdd(e.scale, e.fraction, hn::Add(e.scale, one)));
  return hn::IfThenZeroElse(hn::Lt(x, Constant(-88.0f)), y);
}

// (exp(2 x) - 1) / (exp(2 x) + 1); beyond 9.02 the result is 1 or -1. exp - 1 is computed as such,
// so that small values keep all their bits.
HWY_INLINE Vec Tanh(Vec x) {
  const Vec bounded = AtLeast(-9.02f, AtMost(9.02f, x));
  const Exponential e = ReducedExp<1>(hn::Add(bounded, bounded));
  const Vec minus_1 = hn::MulAdd(e.scale, e.fraction, hn::Sub(e.scale, Constant(1.0f)));
  return hn::Div(minus_1, hn::Add(minus_1, Constant(2.0f)));
}

HWY_INLINE Vec HardSigmoid(float slope, Vec x) {
  return AtLeast(0.0f, AtMost(1.0f, hn::MulAdd(x, Constant(slope), Constant(0.5f))));
}

// activation(x). REQUIRES: IsVectorised(activation).
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

// Activations as arguments of templates: the usual ones are known when the code is compiled.
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
