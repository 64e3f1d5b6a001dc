// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Functions of one vector register of floats beyond the activations of vector_math-inl.h, for any
// argument, and vectors that are not whole, compiled for each instruction set; see dispatch.h.

#if defined(RNNSERVE_CORE_KERNELS_VECTOR_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNSERVE_CORE_KERNELS_VECTOR_FUNCTIONS_INL_H_
#undef RNNSERVE_CORE_KERNELS_VECTOR_FUNCTIONS_INL_H_
#else
#define RNNSERVE_CORE_KERNELS_VECTOR_FUNCTIONS_INL_H_
#endif

#include <cmath>
#include <cstdint>

#include "core/kernels/vector_math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rnnserve::HWY_NAMESPACE {

using IntTag = hn::RebindToSigned<FloatTag>;

// Returns the first `count` values, each followed by ones that are not read from memory. They are
// copies of the first value, so that they raise nothing that it would not.
HWY_INLINE Vec LoadTail(const float* from, int64_t count) {
  const FloatTag d;
  HWY_ALIGN float values[hn::MaxLanes(FloatTag())];
  hn::Store(Constant(from[0]), d, values);
  for (int64_t i = 1; i < count; ++i) values[i] = from[i];
  return hn::Load(d, values);
}

// Stores the first `count` values and leaves the memory behind them alone.
HWY_INLINE void StoreTail(Vec x, int64_t count, float* to) {
  HWY_ALIGN float values[hn::MaxLanes(FloatTag())];
  hn::Store(x, FloatTag(), values);
  for (int64_t i = 0; i < count; ++i) to[i] = values[i];
}

// Return the larger or the smaller one, or NaN if either is NaN.
HWY_INLINE Vec Maximum(Vec a, Vec b) {
  return hn::IfThenElse(hn::Or(hn::IsNaN(a), hn::IsNaN(b)), hn::Add(a, b), hn::Max(a, b));
}
HWY_INLINE Vec Minimum(Vec a, Vec b) {
  return hn::IfThenElse(hn::Or(hn::IsNaN(a), hn::IsNaN(b)), hn::Add(a, b), hn::Min(a, b));
}

HWY_INLINE Vec Sign(Vec x) {
  const Vec zero = hn::Zero(FloatTag());
  const Vec one = hn::CopySign(Constant(1.0f), x);
  return hn::IfThenElse(hn::Or(hn::Lt(x, zero), hn::Gt(x, zero)), one, x);
}

// Returns the bits of b where the integer a is not zero, else those of c.
HWY_INLINE Vec Choose(Vec a, Vec b, Vec c) {
  const FloatTag d;
  const IntTag di;
  const auto is_zero = hn::Eq(hn::BitCast(di, a), hn::Zero(di));
  return hn::IfThenElse(hn::RebindMask(d, is_zero), c, b);
}

// Returns exp(x) for any x. The power of two is applied in two steps, because it may be larger or
// smaller than a float can be while the result is not. The polynomial is that of ReducedExp.
HWY_INLINE Vec Exp(Vec x) {
  const FloatTag d;
  const IntTag di;
  x = AtLeast(-104.0f, AtMost(89.0f, x));
  const Vec magic = Constant(12582912.0f);
  const Vec shifted = hn::MulAdd(x, Constant(1.44269504088896341f), magic);
  const Vec n = hn::Sub(shifted, magic);
  Vec r = hn::NegMulAdd(n, Constant(0.693359375f), x);
  r = hn::NegMulAdd(n, Constant(-2.12194440e-4f), r);
  Vec q = hn::MulAdd(Constant(1.9875691500e-4f), r, Constant(1.3981999507e-3f));
  q = hn::MulAdd(q, r, Constant(8.3334519073e-3f));
  q = hn::MulAdd(q, r, Constant(4.1665795894e-2f));
  q = hn::MulAdd(q, r, Constant(1.6666665459e-1f));
  q = hn::MulAdd(q, r, Constant(5.0000001201e-1f));
  q = hn::Add(hn::MulAdd(q, hn::Mul(r, r), r), Constant(1.0f));
  const auto exponent = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic));
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const auto power = [&](auto e)
                         HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(e, bias))); };
  return hn::Mul(hn::Mul(q, power(half)), power(hn::Sub(exponent, half)));
}

// Returns log(x). The polynomial is from Cephes (Moshier, logf.c).
HWY_INLINE Vec Log(Vec x) {
  const FloatTag d;
  const IntTag di;
  const Vec infinity = Constant(HUGE_VALF);
  // Denormals are made normal first. Where the processor counts them as zeros, so does this.
  const auto is_small = hn::Lt(x, Constant(1.17549435e-38f));
  const Vec normal = hn::IfThenElse(is_small, hn::Mul(x, Constant(8388608.0f)), x);
  const auto bits = hn::BitCast(di, normal);
  // The mantissa is in [sqrt(1/2), sqrt(2)).
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const Vec mantissa = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const Vec e = hn::Sub(hn::ConvertTo(d, exponent), hn::IfThenElseZero(is_small, Constant(23.0f)));
  const Vec f = hn::Sub(mantissa, Constant(1.0f));
  const Vec square = hn::Mul(f, f);
  Vec p = hn::MulAdd(Constant(7.0376836292e-2f), f, Constant(-1.1514610310e-1f));
  p = hn::MulAdd(p, f, Constant(1.1676998740e-1f));
  p = hn::MulAdd(p, f, Constant(-1.2420140846e-1f));
  p = hn::MulAdd(p, f, Constant(1.4249322787e-1f));
  p = hn::MulAdd(p, f, Constant(-1.6668057665e-1f));
  p = hn::MulAdd(p, f, Constant(2.0000714765e-1f));
  p = hn::MulAdd(p, f, Constant(-2.4999993993e-1f));
  p = hn::MulAdd(p, f, Constant(3.3333331174e-1f));
  Vec y = hn::Mul(hn::Mul(p, f), square);
  y = hn::MulAdd(e, Constant(-2.12194440e-4f), y);
  y = hn::NegMulAdd(Constant(0.5f), square, y);
  y = hn::MulAdd(e, Constant(0.693359375f), hn::Add(f, y));
  y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
  const auto has_none = hn::Or(hn::Lt(x, hn::Zero(d)), hn::IsNaN(x));
  return hn::IfThenElse(has_none, Constant(NAN), y);
}

// Returns log(1 + x): the logarithm of the rounded sum, corrected by what the rounding lost.
HWY_INLINE Vec Log1p(Vec x) {
  const Vec one = Constant(1.0f);
  const Vec sum = hn::Add(one, x);
  const Vec lost = hn::Sub(x, hn::Sub(sum, one));
  const Vec y = Log(sum);
  // Without a correction where the sum is 0 or infinite.
  const auto is_usual =
      hn::And(hn::Lt(sum, Constant(HUGE_VALF)), hn::Gt(sum, hn::Zero(FloatTag())));
  return hn::IfThenElse(is_usual, hn::Add(y, hn::Div(lost, sum)), y);
}

// Returns log(1 + exp(x)).
HWY_INLINE Vec Softplus(Vec x) {
  return hn::Add(AtLeast(0.0f, x), Log1p(Exp(hn::Neg(hn::Abs(x)))));
}

// Returns sin(x), or cos(x) if kQuarter is 1: x is reduced by multiples of pi / 2 to the first
// eighth of the circle, in three parts whose products are exact. The polynomials are from Cephes
// (Moshier, sinf.c). Beyond kLargestAngle the C library computes the value.
constexpr float kLargestAngle = 8192.0f;
template <int kQuarter>
HWY_INLINE Vec SineOfReduced(Vec x) {
  const FloatTag d;
  const IntTag di;
  const Vec magic = Constant(12582912.0f);
  const Vec shifted = hn::MulAdd(x, Constant(0.636619772367581343f), magic);
  const Vec n = hn::Sub(shifted, magic);
  Vec r = hn::NegMulAdd(n, Constant(1.5703125f), x);
  r = hn::NegMulAdd(n, Constant(4.837512969970703125e-4f), r);
  r = hn::NegMulAdd(n, Constant(7.54978995489188216e-8f), r);
  const Vec square = hn::Mul(r, r);
  Vec sine = hn::MulAdd(Constant(-1.9515295891e-4f), square, Constant(8.3321608736e-3f));
  sine = hn::MulAdd(sine, square, Constant(-1.6666654611e-1f));
  sine = hn::MulAdd(hn::Mul(sine, square), r, r);
  Vec cosine =
      hn::MulAdd(Constant(2.443315711809948e-5f), square, Constant(-1.388731625493765e-3f));
  cosine = hn::MulAdd(cosine, square, Constant(4.166664568298827e-2f));
  cosine = hn::MulAdd(hn::Mul(cosine, square), square,
                      hn::NegMulAdd(Constant(0.5f), square, Constant(1.0f)));
  const auto quarter = hn::Add(hn::BitCast(di, shifted), hn::Set(di, kQuarter));
  const auto is_odd = hn::RebindMask(d, hn::Ne(hn::And(quarter, hn::Set(di, 1)), hn::Zero(di)));
  const auto sign = hn::ShiftLeft<30>(hn::And(quarter, hn::Set(di, 2)));
  const Vec y = hn::IfThenElse(is_odd, cosine, sine);
  return hn::Xor(y, hn::BitCast(d, sign));
}

template <int kQuarter>
HWY_INLINE Vec Sine(Vec x) {
  const FloatTag d;
  const Vec y = SineOfReduced<kQuarter>(x);
  const auto is_reduced = hn::Lt(hn::Abs(x), Constant(kLargestAngle));
  if (HWY_LIKELY(hn::AllTrue(d, is_reduced))) return y;
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(FloatTag()));
  HWY_ALIGN float from[kLanes];
  HWY_ALIGN float to[kLanes];
  hn::Store(x, d, from);
  hn::Store(y, d, to);
  for (int i = 0; i < kLanes; ++i) {
    if (!(std::fabs(from[i]) < kLargestAngle)) {
      to[i] = kQuarter == 0 ? std::sin(from[i]) : std::cos(from[i]);
    }
  }
  return hn::Load(d, to);
}
HWY_INLINE Vec Sin(Vec x) { return Sine<0>(x); }
HWY_INLINE Vec Cos(Vec x) { return Sine<1>(x); }

}  // namespace rnnserve::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
