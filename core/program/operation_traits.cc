// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/operation_traits.h"

#include <cassert>
#include <iterator>

namespace rnnserve {
namespace {

constexpr ElementType kF = ElementType::kFloat32;
constexpr ElementType kI = ElementType::kInt32;
constexpr ElementType kB = ElementType::kBool;
constexpr size_t kMany = OperationTraits::kManyOperands;
using enum OperationKind;
using enum ResultType;

// In the order of OpCode.
constexpr OperationTraits kTraits[] = {
    {OpCode::kNeg, "neg", kElementwise, 1, 1, {kF, kI}, kSame, 0},
    {OpCode::kAbs, "abs", kElementwise, 1, 1, {kF, kI}, kSame, 0},
    {OpCode::kSign, "sign", kElementwise, 1, 1, {kF, kI}, kSame, 0},
    {OpCode::kExp, "exp", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kExpm1, "expm1", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kLog, "log", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kLog1p, "log1p", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSqrt, "sqrt", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kRsqrt, "rsqrt", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSquare, "square", kElementwise, 1, 1, {kF, kI}, kSame, 0},
    {OpCode::kSin, "sin", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kCos, "cos", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kTan, "tan", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAsin, "asin", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAcos, "acos", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAtan, "atan", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSinh, "sinh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kCosh, "cosh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAsinh, "asinh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAcosh, "acosh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kAtanh, "atanh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kTanh, "tanh", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSigmoid, "sigmoid", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSoftplus, "softplus", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kLogSigmoid, "log_sigmoid", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kSilu, "silu", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kGelu, "gelu", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kRelu, "relu", kElementwise, 1, 1, {kF, kI}, kSame, 0},
    {OpCode::kErf, "erf", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kErfc, "erfc", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kFloor, "floor", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kCeil, "ceil", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kRound, "round", kElementwise, 1, 1, {kF}, kSame, 0},
    {OpCode::kIsFinite, "is_finite", kElementwise, 1, 1, {kF}, ResultType::kBool, 0},
    {OpCode::kIsNan, "is_nan", kElementwise, 1, 1, {kF}, ResultType::kBool, 0},
    {OpCode::kNot, "not", kElementwise, 1, 1, {kB}, ResultType::kBool, 0},
    {OpCode::kAdd, "add", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kSub, "sub", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kMul, "mul", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kDiv, "div", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kMax, "max", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kMin, "min", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kPow, "pow", kElementwise, 2, 2, {kF}, kSame, 0},
    {OpCode::kRem, "rem", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kMod, "mod", kElementwise, 2, 2, {kF, kI}, kSame, 0},
    {OpCode::kAtan2, "atan2", kElementwise, 2, 2, {kF}, kSame, 0},
    {OpCode::kEq, "eq", kElementwise, 2, 2, {kF, kI, kB}, ResultType::kBool, 0},
    {OpCode::kNe, "ne", kElementwise, 2, 2, {kF, kI, kB}, ResultType::kBool, 0},
    {OpCode::kLt, "lt", kElementwise, 2, 2, {kF, kI}, ResultType::kBool, 0},
    {OpCode::kLe, "le", kElementwise, 2, 2, {kF, kI}, ResultType::kBool, 0},
    {OpCode::kGt, "gt", kElementwise, 2, 2, {kF, kI}, ResultType::kBool, 0},
    {OpCode::kGe, "ge", kElementwise, 2, 2, {kF, kI}, ResultType::kBool, 0},
    {OpCode::kAnd, "and", kElementwise, 2, 2, {kB}, ResultType::kBool, 0},
    {OpCode::kOr, "or", kElementwise, 2, 2, {kB}, ResultType::kBool, 0},
    {OpCode::kXor, "xor", kElementwise, 2, 2, {kB}, ResultType::kBool, 0},
    {OpCode::kWhere, "where", kElementwise, 3, 3, {kF, kI, kB}, kSame, 0},
    {OpCode::kCast, "cast", kElementwise, 1, 1, {kF, kI, kB}, kAttribute, kAttributeType},
    {OpCode::kReshape, "reshape", kMove, 1, 1, {kF, kI, kB}, kSame, kAttributeShape},
    {OpCode::kTranspose, "transpose", kMove, 1, 1, {kF, kI, kB}, kSame, kAttributePerm},
    {OpCode::kBroadcast, "broadcast", kMove, 1, 1, {kF, kI, kB}, kSame, kAttributeShape},
    {OpCode::kSlice, "slice", kMove, 1, 1, {kF, kI, kB}, kSame, kAttributeSlices},
    {OpCode::kConcat, "concat", kMove, 1, kMany, {kF, kI, kB}, kSame, kAttributeAxis},
    {OpCode::kPad, "pad", kMove, 1, 2, {kF, kI, kB}, kSame, kAttributePads},
    {OpCode::kGather, "gather", kMove, 2, 2, {kF, kI, kB}, kSame, kAttributeAxis},
    {OpCode::kTake, "take", kIndexed, 2, 2, {kF, kI, kB}, kSame, kAttributeAxis},
    {OpCode::kTakeAlong, "take_along", kIndexed, 2, 2, {kF, kI, kB}, kSame, kAttributeAxis},
    {OpCode::kUpdate, "update", kMove, 2, 2, {kF, kI, kB}, kSame, kAttributeStarts},
    {OpCode::kScatterAlong, "scatter_along", kIndexed, 3, 3, {kF, kI, kB}, kSame, kAttributeAxis},
    {OpCode::kReduceSum, "reduce_sum", kReduction, 1, 1, {kF, kI}, kSame, kAttributeAxes},
    {OpCode::kReduceMax, "reduce_max", kReduction, 1, 1, {kF, kI}, kSame, kAttributeAxes},
    {OpCode::kReduceMin, "reduce_min", kReduction, 1, 1, {kF, kI}, kSame, kAttributeAxes},
    {OpCode::kReduceProd, "reduce_prod", kReduction, 1, 1, {kF, kI}, kSame, kAttributeAxes},
    {OpCode::kReduceAny, "reduce_any", kReduction, 1, 1, {kB}, ResultType::kBool, kAttributeAxes},
    {OpCode::kReduceAll, "reduce_all", kReduction, 1, 1, {kB}, ResultType::kBool, kAttributeAxes},
    {OpCode::kArgMax, "argmax", kReduction, 1, 1, {kF, kI}, ResultType::kInt32, kAttributeAxis},
    {OpCode::kArgMin, "argmin", kReduction, 1, 1, {kF, kI}, ResultType::kInt32, kAttributeAxis},
    {OpCode::kCumSum,
     "cumsum",
     kScan,
     1,
     1,
     {kF, kI},
     kSame,
     kAttributeAxis | kAttributeReverse | kAttributeExclusive},
    {OpCode::kSort,
     "sort",
     kScan,
     1,
     kMany,
     {kF, kI},
     kSame,
     kAttributeAxis | kAttributeDescending},
    {OpCode::kTopK, "top_k", kScan, 1, 1, {kF, kI}, kSame, kAttributeK},
    {OpCode::kDot, "dot", kProduct, 2, 2, {kF}, kSame, kAttributeEquation},
    {OpCode::kConv, "conv", kWindow, 2, 2, {kF}, kSame, kAttributeWindow | kAttributeGroups},
    {OpCode::kConvTranspose,
     "conv_transpose",
     kWindow,
     2,
     2,
     {kF},
     kSame,
     kAttributeWindow | kAttributeGroups | kAttributeOutputPads},
    {OpCode::kMaxPool, "max_pool", kWindow, 1, 1, {kF}, kSame, kAttributeWindow | kAttributeSize},
    {OpCode::kSumPool, "sum_pool", kWindow, 1, 1, {kF}, kSame, kAttributeWindow | kAttributeSize},
};
static_assert(std::size(kTraits) == kNumOpCodes);

}  // namespace

const OperationTraits& TraitsOf(OpCode code) {
  const OperationTraits& traits = kTraits[static_cast<size_t>(code)];
  assert(traits.code == code);
  return traits;
}

OperandRole RoleOfOperand(OpCode code, size_t position) {
  switch (code) {
    case OpCode::kWhere:
      return position == 0 ? OperandRole::kCondition : OperandRole::kData;
    case OpCode::kGather:
    case OpCode::kTake:
    case OpCode::kTakeAlong:
    case OpCode::kScatterAlong:
      return position == 1 ? OperandRole::kIndex : OperandRole::kData;
    case OpCode::kSort:
      return position == 0 ? OperandRole::kData : OperandRole::kOther;
    default:
      return OperandRole::kData;
  }
}

}  // namespace rnnserve
