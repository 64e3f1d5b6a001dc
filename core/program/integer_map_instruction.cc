// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/integer_map_instruction.h"

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace rnnserve {
namespace {

int32_t Integer(const float* at) { return std::bit_cast<int32_t>(*at); }
float FromInteger(int32_t value) { return std::bit_cast<float>(value); }

// The largest magnitude up to which a float holds every integer.
constexpr int32_t kExactMax = 1 << 24;

int32_t Divide(int32_t a, int32_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int32_t>(0u - static_cast<uint32_t>(a)) : a / b;
}

int32_t Remainder(int32_t a, int32_t b) { return b == 0 || b == -1 ? 0 : a % b; }

int32_t Modulo(int32_t a, int32_t b) {
  const int32_t remainder = Remainder(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

int32_t UnaryInteger(OpCode code, int32_t a) {
  const auto bits = static_cast<uint32_t>(a);
  switch (code) {
    case OpCode::kNeg:
      return static_cast<int32_t>(0u - bits);
    case OpCode::kAbs:
      return a < 0 ? static_cast<int32_t>(0u - bits) : a;
    case OpCode::kSign:
      return (a > 0) - (a < 0);
    case OpCode::kSquare:
      return static_cast<int32_t>(bits * bits);
    case OpCode::kRelu:
      return a < 0 ? 0 : a;
    case OpCode::kNot:
      return a == 0;
    default:
      return a;
  }
}

int32_t BinaryInteger(OpCode code, int32_t a, int32_t b) {
  const auto x = static_cast<uint32_t>(a);
  const auto y = static_cast<uint32_t>(b);
  switch (code) {
    case OpCode::kAdd:
      return static_cast<int32_t>(x + y);
    case OpCode::kSub:
      return static_cast<int32_t>(x - y);
    case OpCode::kMul:
      return static_cast<int32_t>(x * y);
    case OpCode::kDiv:
      return Divide(a, b);
    case OpCode::kMax:
      return a > b ? a : b;
    case OpCode::kMin:
      return a < b ? a : b;
    case OpCode::kRem:
      return Remainder(a, b);
    case OpCode::kMod:
      return Modulo(a, b);
    case OpCode::kEq:
      return a == b;
    case OpCode::kNe:
    case OpCode::kXor:
      return a != b;
    case OpCode::kLt:
      return a < b;
    case OpCode::kLe:
      return a <= b;
    case OpCode::kGt:
      return a > b;
    case OpCode::kGe:
      return a >= b;
    case OpCode::kAnd:
      return a & b;
    case OpCode::kOr:
      return a | b;
    default:
      return a;
  }
}

// Returns a float as an integer, towards zero; beyond the range the nearest integer, NaN as 0.
int32_t Truncated(float value) {
  if (std::isnan(value)) return 0;
  if (value >= 2147483648.0f) return std::numeric_limits<int32_t>::max();
  if (value < -2147483648.0f) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(value);
}

float Cast(ElementType from, ElementType to, const float* at) {
  if (from == to) return *at;
  if (from == ElementType::kFloat32) {
    return FromInteger(to == ElementType::kBool ? int32_t{*at != 0.0f} : Truncated(*at));
  }
  if (to == ElementType::kFloat32) return static_cast<float>(Integer(at));
  return FromInteger(to == ElementType::kBool ? int32_t{Integer(at) != 0} : Integer(at));
}

}  // namespace

IntegerMapInstruction::IntegerMapInstruction(OpCode code, ElementType from, ElementType to,
                                             std::vector<Access> accesses,
                                             const std::vector<StridedView>& views)
    : RowInstruction(std::move(accesses)), code_(code), from_(from), to_(to) {
  const LoopNest nest(views, LoopNest::Order::kOfMemory);
  for (int i = 0; i < nest.rank(); ++i) {
    LoopAxis<3> axis;
    axis.extent = nest.extents[static_cast<size_t>(i)];
    for (size_t v = 0; v < views.size(); ++v) {
      axis.strides[v] = nest.strides[v][static_cast<size_t>(i)];
    }
    axes_.push_back(axis);
  }
  inner_ = axes_.back();
  axes_.pop_back();
}

void IntegerMapInstruction::Run(float* const* memory) const {
  float* const result = At(memory, 0);
  const float* const first = At(memory, 1);
  const bool is_binary = num_accesses() == 3;
  const float* const second = is_binary ? At(memory, 2) : first;
  ForEachPosition<3>(axes_, [&](const std::array<int64_t, 3>& at) {
    float* to = result + at[0];
    const float* a = first + at[1];
    const float* b = second + at[2];
    for (int64_t i = 0; i < inner_.extent; ++i) {
      if (code_ == OpCode::kCast) {
        *to = Cast(from_, to_, a);
      } else if (is_binary) {
        *to = FromInteger(BinaryInteger(code_, Integer(a), Integer(b)));
      } else {
        *to = FromInteger(UnaryInteger(code_, Integer(a)));
      }
      to += inner_.strides[0];
      a += inner_.strides[1];
      b += inner_.strides[2];
    }
  });
}

ExchangeInstruction::ExchangeInstruction(ElementType type, bool is_inward, Access result,
                                         Access operand, int64_t size)
    : RowInstruction({result, operand}), type_(type), is_inward_(is_inward), size_(size) {}

void ExchangeInstruction::Run(float* const* memory) const {
  float* const to = At(memory, 0);
  const float* const from = At(memory, 1);
  for (int64_t i = 0; i < size_; ++i) {
    if (is_inward_) {
      to[i] = Cast(ElementType::kFloat32, type_, from + i);
    } else {
      const int32_t value = Integer(from + i);
      const bool is_exact = value >= -kExactMax && value <= kExactMax;
      to[i] = is_exact ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
    }
  }
}

}  // namespace rnnserve
