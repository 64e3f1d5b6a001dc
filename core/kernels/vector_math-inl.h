// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The activations of one vector register, for whatever instruction set this is included under; see
// simd.h.

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

// exp(x) = scale * (1 + fraction), scale a power of two: what exp and expm1 are made of.
struct Exponential {
  Vec scale;
  Vec fraction;
};

// REQUIRES: x is within [-87.3, 88], or NaN. The polynomial and the two parts of ln 2 are those of
// Cephes (Moshier, expf.c); the first part has so few bits that its products are exact.
HWY_INLINE Exponential ReducedExp(Vec x) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits; 127 more make it
  // the exponent of a float.
  const Vec magic = Constant(12582912.0f + 127.0f);
  const Vec shifted = hn::MulAdd(x, Constant(1.44269504088896341f), magic);
  const Vec n = hn::Sub(shifted, magic);
  Vec r = hn::NegMulAdd(n, Constant(0.693359375f), x);
  r = hn::NegMulAdd(n, Constant(-2.12194440e-4f), r);
  Vec q = hn::MulAdd(Constant(1.9875691500e-4f), r, Constant(1.3981999507e-3f));
  q = hn::MulAdd(q, r, Constant(8.3334519073e-3f));
  q = hn::MulAdd(q, r, Constant(4.1665795894e-2f));
  q = hn::MulAdd(q, r, Constant(1.6666665459e-1f));
  q = hn::MulAdd(q, r, Constant(5.0000001201e-1f));
  return {hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted))),
          hn::MulAdd(q, hn::Mul(r, r), r)};
}

// The larger or smaller of a limit and x. A NaN stays: x86 returns its second operand then.
HWY_INLINE Vec AtLeast(float limit, Vec x) { return hn::Max(Constant(limit), x); }
HWY_INLINE Vec AtMost(float limit, Vec x) { return hn::Min(Constant(limit), x); }

// 1 / (1 + exp(-x)), from exp(-|x|), so that nothing overflows or cancels; 0 below -87.3.
HWY_INLINE Vec Sigmoid(Vec x) {
  const Vec one = Constant(1.0f);
  const Vec size = hn::Neg(hn::Abs(x));
  const Exponential e = ReducedExp(AtLeast(-87.3f, size));
  const Vec exp =
      hn::IfThenZeroElse(hn::Lt(size, Constant(-87.3f)), hn::MulAdd(e.scale, e.fraction, e.scale));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(FloatTag())), exp, one), hn::Add(one, exp));
}

// Near zero the polynomial of Cephes (Moshier, tanhf.c), elsewhere 1 - 2 / (exp(2 |x|) + 1), where
// the difference loses nothing; with the sign of x. Beyond 9.02 the result is 1.
HWY_INLINE Vec Tanh(Vec x) {
  const Vec size = AtMost(9.02f, hn::Abs(x));
  const Vec z = hn::Mul(size, size);
  Vec q = hn::MulAdd(Constant(-5.70498872745e-3f), z, Constant(2.06390887954e-2f));
  q = hn::MulAdd(q, z, Constant(-5.37397155531e-2f));
  q = hn::MulAdd(q, z, Constant(1.33314422036e-1f));
  q = hn::MulAdd(q, z, Constant(-3.33332819422e-1f));
  const Vec near_zero = hn::MulAdd(hn::Mul(q, z), size, size);

  const Vec one = Constant(1.0f);
  const Exponential e = ReducedExp(hn::Add(size, size));
  const Vec exp_plus_1 = hn::MulAdd(e.scale, e.fraction, hn::Add(e.scale, one));
  const Vec elsewhere = hn::Sub(one, hn::Div(Constant(2.0f), exp_plus_1));
  return hn::CopySign(hn::IfThenElse(hn::Lt(size, Constant(0.625f)), near_zero, elsewhere), x);
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
