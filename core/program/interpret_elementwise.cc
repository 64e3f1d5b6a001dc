// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Functions of one real number are computed in double precision and rounded once. Additions and
// products are computed in float32, as everywhere.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/program/interpret.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;

double Sigmoid(double x) {
  // Neither branch can overflow.
  if (x >= 0.0) return 1.0 / (1.0 + std::exp(-x));
  return std::exp(x) / (1.0 + std::exp(x));
}

double Softplus(double x) {
  if (std::isnan(x)) return x;
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// silu and gelu are -0 at minus infinity, not NaN.
double Silu(double x) { return x < -1e30 ? -0.0 : x * Sigmoid(x); }
double Gelu(double x) {
  return x < -1e30 ? -0.0 : 0.5 * x * std::erfc(-x * 0.70710678118654752440);
}

double Sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : std::isnan(x) ? x : 0.0; }

double ComputeReal(OpCode code, double x) {
  switch (code) {
    case OpCode::kNeg:
      return -x;
    case OpCode::kAbs:
      return std::abs(x);
    case OpCode::kSign:
      return Sign(x);
    case OpCode::kExp:
      return std::exp(x);
    case OpCode::kExpm1:
      return std::expm1(x);
    case OpCode::kLog:
      return std::log(x);
    case OpCode::kLog1p:
      return std::log1p(x);
    case OpCode::kSqrt:
      return std::sqrt(x);
    case OpCode::kRsqrt:
      return 1.0 / std::sqrt(x);
    case OpCode::kSquare:
      return x * x;
    case OpCode::kSin:
      return std::sin(x);
    case OpCode::kCos:
      return std::cos(x);
    case OpCode::kTan:
      return std::tan(x);
    case OpCode::kAsin:
      return std::asin(x);
    case OpCode::kAcos:
      return std::acos(x);
    case OpCode::kAtan:
      return std::atan(x);
    case OpCode::kSinh:
      return std::sinh(x);
    case OpCode::kCosh:
      return std::cosh(x);
    case OpCode::kAsinh:
      return std::asinh(x);
    case OpCode::kAcosh:
      return std::acosh(x);
    case OpCode::kAtanh:
      return std::atanh(x);
    case OpCode::kTanh:
      return std::tanh(x);
    case OpCode::kSigmoid:
      return Sigmoid(x);
    case OpCode::kSoftplus:
      return Softplus(x);
    case OpCode::kLogSigmoid:
      return -Softplus(-x);
    case OpCode::kSilu:
      return Silu(x);
    case OpCode::kGelu:
      return Gelu(x);
    case OpCode::kRelu:
      return x > 0.0 || std::isnan(x) ? x : 0.0;
    case OpCode::kErf:
      return std::erf(x);
    case OpCode::kErfc:
      return std::erfc(x);
    case OpCode::kFloor:
      return std::floor(x);
    case OpCode::kCeil:
      return std::ceil(x);
    case OpCode::kRound:
      return std::nearbyint(x);  // the rounding mode is to nearest, ties to even
    default:
      return x;
  }
}

// Whole numbers wrap around, so they are computed without a sign.
int32_t ComputeWhole(OpCode code, int32_t x) {
  const uint32_t bits = FromInteger(x);
  switch (code) {
    case OpCode::kNeg:
      return AsInteger(0u - bits);
    case OpCode::kAbs:
      return x < 0 ? AsInteger(0u - bits) : x;
    case OpCode::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : 0;
    case OpCode::kSquare:
      return AsInteger(bits * bits);
    case OpCode::kRelu:
      return std::max(x, 0);
    default:
      return x;
  }
}

uint32_t ComputeUnary(OpCode code, ElementType type, uint32_t x) {
  switch (code) {
    case OpCode::kNot:
      return x ^ 1u;
    case OpCode::kIsFinite:
      return std::isfinite(AsFloat(x)) ? 1 : 0;
    case OpCode::kIsNan:
      return std::isnan(AsFloat(x)) ? 1 : 0;
    default:
      break;
  }
  if (type == ElementType::kInt32) return FromInteger(ComputeWhole(code, AsInteger(x)));
  return FromFloat(static_cast<float>(ComputeReal(code, static_cast<double>(AsFloat(x)))));
}

// Returns the remainder with the sign of the divisor, as Python's % does.
float FloatMod(float a, float b) {
  float remainder = std::fmod(a, b);
  if (remainder == 0.0f) return std::copysign(0.0f, b);
  if ((remainder < 0.0f) != (b < 0.0f)) remainder += b;
  return remainder;
}

float ComputeFloats(OpCode code, float a, float b) {
  switch (code) {
    case OpCode::kAdd:
      return a + b;
    case OpCode::kSub:
      return a - b;
    case OpCode::kMul:
      return a * b;
    case OpCode::kDiv:
      return a / b;
    case OpCode::kMax:
      return std::isnan(a) || a > b ? a : b;
    case OpCode::kMin:
      return std::isnan(a) || a < b ? a : b;
    case OpCode::kPow:
      return static_cast<float>(std::pow(static_cast<double>(a), static_cast<double>(b)));
    case OpCode::kRem:
      return std::fmod(a, b);
    case OpCode::kMod:
      return FloatMod(a, b);
    default:
      return static_cast<float>(std::atan2(static_cast<double>(a), static_cast<double>(b)));
  }
}

// Division by zero gives 0, as in NumPy. INT_MIN / -1 wraps around to INT_MIN.
int32_t DivideWhole(int32_t a, int32_t b) {
  return b == 0 ? 0 : static_cast<int32_t>(static_cast<int64_t>(a) / b);
}

int32_t RemainderWhole(int32_t a, int32_t b) {
  return b == 0 ? 0 : static_cast<int32_t>(static_cast<int64_t>(a) % b);
}

int32_t ModWhole(int32_t a, int32_t b) {
  const int32_t remainder = RemainderWhole(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

int32_t ComputeIntegers(OpCode code, int32_t a, int32_t b) {
  const uint32_t bits_a = FromInteger(a);
  const uint32_t bits_b = FromInteger(b);
  switch (code) {
    case OpCode::kAdd:
      return AsInteger(bits_a + bits_b);
    case OpCode::kSub:
      return AsInteger(bits_a - bits_b);
    case OpCode::kMul:
      return AsInteger(bits_a * bits_b);
    case OpCode::kDiv:
      return DivideWhole(a, b);
    case OpCode::kMax:
      return std::max(a, b);
    case OpCode::kMin:
      return std::min(a, b);
    case OpCode::kRem:
      return RemainderWhole(a, b);
    default:
      return ModWhole(a, b);
  }
}

template <typename T>
bool Compare(OpCode code, T a, T b) {
  switch (code) {
    case OpCode::kEq:
      return a == b;
    case OpCode::kNe:
      return a != b;
    case OpCode::kLt:
      return a < b;
    case OpCode::kLe:
      return a <= b;
    case OpCode::kGt:
      return a > b;
    default:
      return a >= b;
  }
}

uint32_t ComputeElement(const Interpretation& at, const ElementsList& operands, size_t i) {
  const OpCode code = at.operation.code;
  const ElementType type = at.operand(0).type;
  if (code == OpCode::kWhere) return operands[0][i] != 0 ? operands[1][i] : operands[2][i];
  if (code == OpCode::kCast) return CastElement(operands[0][i], type, at.attributes().type);
  if (operands.size() == 1) return ComputeUnary(code, type, operands[0][i]);
  return ComputeBinary(code, type, operands[0][i], operands[1][i]);
}

}  // namespace

ElementsList InterpretElementwise(const Interpretation& at) {
  ElementsList operands;
  for (size_t i = 0; i < at.operands.size(); ++i) {
    operands.push_back(BroadcastElements(*at.operands[i], at.operand(i).shape, at.result().shape));
  }
  Elements result;
  for (size_t i = 0; i < operands[0].size(); ++i) {
    result.push_back(ComputeElement(at, operands, i));
  }
  return {std::move(result)};
}

uint32_t ComputeBinary(OpCode code, ElementType type, uint32_t a, uint32_t b) {
  switch (code) {
    case OpCode::kAnd:
      return a & b;
    case OpCode::kOr:
      return a | b;
    case OpCode::kXor:
      return a ^ b;
    case OpCode::kEq:
    case OpCode::kNe:
    case OpCode::kLt:
    case OpCode::kLe:
    case OpCode::kGt:
    case OpCode::kGe:
      return type == ElementType::kFloat32 ? Compare(code, AsFloat(a), AsFloat(b))
                                           : Compare(code, AsInteger(a), AsInteger(b));
    default:
      return type == ElementType::kFloat32
                 ? FromFloat(ComputeFloats(code, AsFloat(a), AsFloat(b)))
                 : FromInteger(ComputeIntegers(code, AsInteger(a), AsInteger(b)));
  }
}

uint32_t CastElement(uint32_t element, ElementType from, ElementType to) {
  if (from == to) return element;
  if (from != ElementType::kFloat32) {
    if (to == ElementType::kFloat32) return FromFloat(static_cast<float>(AsInteger(element)));
    return to == ElementType::kBool ? (element != 0 ? 1 : 0) : element;
  }
  const float value = AsFloat(element);
  if (to == ElementType::kBool) return value != 0.0f ? 1 : 0;
  if (std::isnan(value)) return 0;
  if (value >= 2147483648.0f) return FromInteger(std::numeric_limits<int32_t>::max());
  if (value <= -2147483648.0f) return FromInteger(std::numeric_limits<int32_t>::min());
  return FromInteger(static_cast<int32_t>(value));
}

}  // namespace rnnserve
