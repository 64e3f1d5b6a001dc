// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/portable_map.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace rnnserve {
namespace {

float Truth(bool value) { return std::bit_cast<float>(int32_t{value}); }

float Softplus(float x) { return std::fmax(x, 0.0f) + std::log1p(std::exp(-std::fabs(x))); }
float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
float Gelu(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f)); }
float Sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }

float Maximum(float a, float b) { return std::isnan(a) || std::isnan(b) ? a + b : a > b ? a : b; }
float Minimum(float a, float b) { return std::isnan(a) || std::isnan(b) ? a + b : a < b ? a : b; }

// The remainder with the sign of the divisor, as Python's %.
float Modulo(float a, float b) {
  const float remainder = std::fmod(a, b);
  if (remainder == 0.0f) return std::copysign(0.0f, b);
  return (remainder < 0.0f) != (b < 0.0f) ? remainder + b : remainder;
}

// The operands of one call of Map: element i of operand k.
struct Elements {
  template <int k>
  float Of(int64_t i) const {
    return operands[k][(scalars >> k & 1) != 0 ? 0 : i];
  }
  unsigned scalars;
  const float* const* operands;
};

template <typename F>
void Unary(const Elements& x, int64_t n, float* result, F f) {
  for (int64_t i = 0; i < n; ++i) result[i] = f(x.Of<0>(i));
}
template <typename F>
void Binary(const Elements& x, int64_t n, float* result, F f) {
  for (int64_t i = 0; i < n; ++i) result[i] = f(x.Of<0>(i), x.Of<1>(i));
}
template <typename F>
void Ternary(const Elements& x, int64_t n, float* result, F f) {
  for (int64_t i = 0; i < n; ++i) result[i] = f(x.Of<0>(i), x.Of<1>(i), x.Of<2>(i));
}

}  // namespace

#define RNNSERVE_UNARY(name, formula) \
  case MapFunction::name:             \
    return Unary(x, n, result, [](float a) { return formula; });
#define RNNSERVE_BINARY(name, formula) \
  case MapFunction::name:              \
    return Binary(x, n, result, [](float a, float b) { return formula; });
#define RNNSERVE_TERNARY(name, formula) \
  case MapFunction::name:               \
    return Ternary(x, n, result, [](float a, float b, float c) { return formula; });

namespace {

void MapRow(MapFunction function, unsigned scalars, const float* const* operands, int64_t n,
            float* result) {
  const Elements x{scalars, operands};
  switch (function) {
    RNNSERVE_UNARY(kNeg, -a)
    RNNSERVE_UNARY(kAbs, std::fabs(a))
    RNNSERVE_UNARY(kSign, Sign(a))
    RNNSERVE_UNARY(kExp, std::exp(a))
    RNNSERVE_UNARY(kLog, std::log(a))
    RNNSERVE_UNARY(kLog1p, std::log1p(a))
    RNNSERVE_UNARY(kSqrt, std::sqrt(a))
    RNNSERVE_UNARY(kRsqrt, 1.0f / std::sqrt(a))
    RNNSERVE_UNARY(kSquare, a * a)
    RNNSERVE_UNARY(kSin, std::sin(a))
    RNNSERVE_UNARY(kCos, std::cos(a))
    RNNSERVE_UNARY(kTanh, std::tanh(a))
    RNNSERVE_UNARY(kSigmoid, Sigmoid(a))
    RNNSERVE_UNARY(kSoftplus, Softplus(a))
    RNNSERVE_UNARY(kLogSigmoid, -Softplus(-a))
    RNNSERVE_UNARY(kSilu, a * Sigmoid(a))
    RNNSERVE_UNARY(kRelu, a < 0.0f ? 0.0f : a)
    RNNSERVE_UNARY(kErf, std::erf(a))
    RNNSERVE_UNARY(kGelu, Gelu(a))
    RNNSERVE_UNARY(kFloor, std::floor(a))
    RNNSERVE_UNARY(kCeil, std::ceil(a))
    RNNSERVE_UNARY(kRound, std::nearbyint(a))
    RNNSERVE_UNARY(kIsFinite, Truth(std::isfinite(a)))
    RNNSERVE_UNARY(kIsNan, Truth(std::isnan(a)))
    RNNSERVE_UNARY(kExpm1, std::expm1(a))
    RNNSERVE_UNARY(kTan, std::tan(a))
    RNNSERVE_UNARY(kAsin, std::asin(a))
    RNNSERVE_UNARY(kAcos, std::acos(a))
    RNNSERVE_UNARY(kAtan, std::atan(a))
    RNNSERVE_UNARY(kSinh, std::sinh(a))
    RNNSERVE_UNARY(kCosh, std::cosh(a))
    RNNSERVE_UNARY(kAsinh, std::asinh(a))
    RNNSERVE_UNARY(kAcosh, std::acosh(a))
    RNNSERVE_UNARY(kAtanh, std::atanh(a))
    RNNSERVE_UNARY(kErfc, std::erfc(a))
    RNNSERVE_BINARY(kEq, Truth(a == b))
    RNNSERVE_BINARY(kNe, Truth(a != b))
    RNNSERVE_BINARY(kLt, Truth(a < b))
    RNNSERVE_BINARY(kLe, Truth(a <= b))
    RNNSERVE_BINARY(kGt, Truth(a > b))
    RNNSERVE_BINARY(kGe, Truth(a >= b))
    RNNSERVE_BINARY(kAdd, a + b)
    RNNSERVE_BINARY(kSub, a - b)
    RNNSERVE_BINARY(kMul, a * b)
    RNNSERVE_BINARY(kDiv, a / b)
    RNNSERVE_BINARY(kMax, Maximum(a, b))
    RNNSERVE_BINARY(kMin, Minimum(a, b))
    RNNSERVE_BINARY(kPow, std::pow(a, b))
    RNNSERVE_BINARY(kRem, std::fmod(a, b))
    RNNSERVE_BINARY(kMod, Modulo(a, b))
    RNNSERVE_BINARY(kAtan2, std::atan2(a, b))
    RNNSERVE_TERNARY(kMulAdd, a * b + c)
    RNNSERVE_TERNARY(kMulSub, a * b - c)
    RNNSERVE_TERNARY(kNegMulAdd, c - a * b)
    RNNSERVE_TERNARY(kWhere, std::bit_cast<int32_t>(a) != 0 ? b : c)
    case MapFunction::kSumOfProducts:
      for (int64_t i = 0; i < n; ++i) {
        result[i] = x.Of<0>(i) * x.Of<1>(i) + x.Of<2>(i) * x.Of<3>(i);
      }
      return;
    case MapFunction::kSumOfThreeProducts:
      for (int64_t i = 0; i < n; ++i) {
        result[i] = x.Of<0>(i) * x.Of<1>(i) + (x.Of<2>(i) * x.Of<3>(i) + x.Of<4>(i) * x.Of<5>(i));
      }
      return;
  }
}

}  // namespace

void PortableMap(MapFunction function, unsigned scalars, const float* const* operands,
                 const MapRows& rows, int64_t n, float* result) {
  const int num_operands = NumOperands(function);
  const float* of_row[kMapOperandsMax] = {};
  for (int64_t row = 0; row < rows.count; ++row) {
    for (int k = 0; k < num_operands; ++k) of_row[k] = operands[k] + row * rows.strides[k];
    MapRow(function, scalars, of_row, n, result + row * rows.result_stride);
  }
}

#undef RNNSERVE_UNARY
#undef RNNSERVE_BINARY
#undef RNNSERVE_TERNARY

}  // namespace rnnserve
