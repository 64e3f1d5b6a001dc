// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/operation.h"

#include <cassert>
#include <iterator>

namespace rnnserve {
namespace {

struct NamedCode {
  OpCode code;
  absl::string_view name;
};

// In the order of OpCode.
constexpr NamedCode kNamedCodes[] = {
    {OpCode::kNeg, "neg"},
    {OpCode::kAbs, "abs"},
    {OpCode::kSign, "sign"},
    {OpCode::kExp, "exp"},
    {OpCode::kExpm1, "expm1"},
    {OpCode::kLog, "log"},
    {OpCode::kLog1p, "log1p"},
    {OpCode::kSqrt, "sqrt"},
    {OpCode::kRsqrt, "rsqrt"},
    {OpCode::kSquare, "square"},
    {OpCode::kSin, "sin"},
    {OpCode::kCos, "cos"},
    {OpCode::kTan, "tan"},
    {OpCode::kAsin, "asin"},
    {OpCode::kAcos, "acos"},
    {OpCode::kAtan, "atan"},
    {OpCode::kSinh, "sinh"},
    {OpCode::kCosh, "cosh"},
    {OpCode::kAsinh, "asinh"},
    {OpCode::kAcosh, "acosh"},
    {OpCode::kAtanh, "atanh"},
    {OpCode::kTanh, "tanh"},
    {OpCode::kSigmoid, "sigmoid"},
    {OpCode::kSoftplus, "softplus"},
    {OpCode::kLogSigmoid, "log_sigmoid"},
    {OpCode::kSilu, "silu"},
    {OpCode::kGelu, "gelu"},
    {OpCode::kRelu, "relu"},
    {OpCode::kErf, "erf"},
    {OpCode::kErfc, "erfc"},
    {OpCode::kFloor, "floor"},
    {OpCode::kCeil, "ceil"},
    {OpCode::kRound, "round"},
    {OpCode::kIsFinite, "is_finite"},
    {OpCode::kIsNan, "is_nan"},
    {OpCode::kNot, "not"},
    {OpCode::kAdd, "add"},
    {OpCode::kSub, "sub"},
    {OpCode::kMul, "mul"},
    {OpCode::kDiv, "div"},
    {OpCode::kMax, "max"},
    {OpCode::kMin, "min"},
    {OpCode::kPow, "pow"},
    {OpCode::kRem, "rem"},
    {OpCode::kMod, "mod"},
    {OpCode::kAtan2, "atan2"},
    {OpCode::kEq, "eq"},
    {OpCode::kNe, "ne"},
    {OpCode::kLt, "lt"},
    {OpCode::kLe, "le"},
    {OpCode::kGt, "gt"},
    {OpCode::kGe, "ge"},
    {OpCode::kAnd, "and"},
    {OpCode::kOr, "or"},
    {OpCode::kXor, "xor"},
    {OpCode::kWhere, "where"},
    {OpCode::kCast, "cast"},
    {OpCode::kReshape, "reshape"},
    {OpCode::kTranspose, "transpose"},
    {OpCode::kBroadcast, "broadcast"},
    {OpCode::kSlice, "slice"},
    {OpCode::kConcat, "concat"},
    {OpCode::kPad, "pad"},
    {OpCode::kGather, "gather"},
    {OpCode::kTake, "take"},
    {OpCode::kTakeAlong, "take_along"},
    {OpCode::kUpdate, "update"},
    {OpCode::kScatterAlong, "scatter_along"},
    {OpCode::kReduceSum, "reduce_sum"},
    {OpCode::kReduceMax, "reduce_max"},
    {OpCode::kReduceMin, "reduce_min"},
    {OpCode::kReduceProd, "reduce_prod"},
    {OpCode::kReduceAny, "reduce_any"},
    {OpCode::kReduceAll, "reduce_all"},
    {OpCode::kArgMax, "argmax"},
    {OpCode::kArgMin, "argmin"},
    {OpCode::kCumSum, "cumsum"},
    {OpCode::kSort, "sort"},
    {OpCode::kTopK, "top_k"},
    {OpCode::kDot, "dot"},
    {OpCode::kConv, "conv"},
    {OpCode::kConvTranspose, "conv_transpose"},
    {OpCode::kMaxPool, "max_pool"},
    {OpCode::kSumPool, "sum_pool"},
};
static_assert(std::size(kNamedCodes) == kNumOpCodes);

struct NamedType {
  ElementType type;
  absl::string_view name;
};

constexpr NamedType kNamedTypes[] = {
    {ElementType::kFloat32, "float32"},
    {ElementType::kInt32, "int32"},
    {ElementType::kBool, "bool"},
};

}  // namespace

absl::string_view ElementTypeName(ElementType type) {
  return kNamedTypes[static_cast<int>(type)].name;
}

std::optional<ElementType> ElementTypeFromName(absl::string_view name) {
  for (const NamedType& named : kNamedTypes) {
    if (named.name == name) return named.type;
  }
  return std::nullopt;
}

absl::string_view OpCodeName(OpCode code) {
  const NamedCode& named = kNamedCodes[static_cast<int>(code)];
  assert(named.code == code);
  return named.name;
}

std::optional<OpCode> OpCodeFromName(absl::string_view name) {
  for (const NamedCode& named : kNamedCodes) {
    if (named.name == name) return named.code;
  }
  return std::nullopt;
}

}  // namespace rnnserve
