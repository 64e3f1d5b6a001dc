// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operators that compute each element of their result from the elements at the same place.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

template <OpCode kCode>
Results Unary(NodeConversion& node) {
  Formula f(node);
  return f.Return({f.Apply(kCode, {node.operand(0)})});
}

template <OpCode kCode>
Results Binary(NodeConversion& node) {
  Formula f(node);
  return f.Return({f.Apply(kCode, {node.operand(0), node.operand(1)})});
}

// Any number of operands, from the first to the last.
template <OpCode kCode>
BuiltValue Chain(Formula& f, const std::vector<BuiltValue>& operands) {
  if (!f.Require(!operands.empty(), "it has no operands")) return BuiltValue();
  BuiltValue result = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) result = f.Apply(kCode, {result, operands[i]});
  return result;
}

template <OpCode kCode>
Results Variadic(NodeConversion& node) {
  Formula f(node);
  return f.Return({Chain<kCode>(f, node.operands())});
}

Results Mean(NodeConversion& node) {
  Formula f(node);
  const std::vector<BuiltValue> operands = node.operands();
  return f.Return({f.Div(Chain<OpCode::kAdd>(f, operands), static_cast<double>(operands.size()))});
}

Results Identity(NodeConversion& node) {
  Formula f(node);
  return f.Return({node.operand(0)});
}

Results Reciprocal(NodeConversion& node) {
  Formula f(node);
  return f.Return({f.Reciprocal(node.operand(0))});
}

// The type of the result is that of the base.
Results Pow(NodeConversion& node) {
  Formula f(node);
  const BuiltValue base = node.operand(0);
  const BuiltValue exponent = node.operand(1);
  if (exponent.is_known() && exponent.shape().NumElements() == 1 &&
      exponent.rank() <= base.rank()) {
    const OnnxTensor& tensor = exponent.tensor();
    const double number = tensor.type == ElementType::kFloat32
                              ? static_cast<double>(tensor.floats()[0])
                              : static_cast<double>(tensor.integers()[0]);
    if (number == 1.0) return f.Return({base});
    // A power of two is rounded once, as the square is.
    if (number == 2.0) return f.Return({f.Mul(base, base)});
  }
  if (base.type() == ElementType::kFloat32 && exponent.type() == ElementType::kFloat32) {
    return f.Return({f.Apply(OpCode::kPow, {base, exponent})});
  }
  const BuiltValue power = f.Apply(
      OpCode::kPow, {f.Cast(base, ElementType::kFloat32), f.Cast(exponent, ElementType::kFloat32)});
  return f.Return({f.Cast(power, base.type())});
}

Results Mod(NodeConversion& node) {
  Formula f(node);
  const OpCode code = node.Int("fmod", 0) != 0 ? OpCode::kRem : OpCode::kMod;
  return f.Return({f.Apply(code, {node.operand(0), node.operand(1)})});
}

// The bounds were attributes before version 11. If the lower one is larger, the upper one counts.
Results Clip(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  if (node.opset() >= 11) {
    if (node.has(1)) x = f.Max(x, node.operand(1));
    if (node.has(2)) x = f.Min(x, node.operand(2));
    return f.Return({x});
  }
  const float largest = std::numeric_limits<float>::max();
  return f.Return({f.Min(f.Max(x, node.Float("min", -largest)), node.Float("max", largest))});
}

Results IsInf(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue is_not_infinite =
      f.Apply(OpCode::kOr, {f.Apply(OpCode::kIsFinite, {x}), f.Apply(OpCode::kIsNan, {x})});
  BuiltValue result = f.Apply(OpCode::kNot, {is_not_infinite});
  const bool positive = node.Int("detect_positive", 1) != 0;
  const bool negative = node.Int("detect_negative", 1) != 0;
  const BuiltValue zero = f.Scalar(x, 0.0);
  if (!positive) result = f.Apply(OpCode::kAnd, {result, f.Less(x, zero)});
  if (!negative) result = f.Apply(OpCode::kAnd, {result, f.Less(zero, x)});
  return f.Return({result});
}

Results Cast(NodeConversion& node) {
  Formula f(node);
  // Both are about types of 8 bits.
  node.Ignore("saturate");
  node.Ignore("round_mode");
  return f.Return({f.CastTo(node.operand(0), node.Int("to", 0))});
}

Results CastLike(NodeConversion& node) {
  Formula f(node);
  node.Ignore("saturate");
  node.Ignore("round_mode");
  return f.Return({f.Cast(node.operand(0), node.operand(1).type())});
}

// Without training it changes nothing. The mask is true for every element that is kept.
Results Dropout(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  node.Ignore("ratio");
  node.Ignore("seed");
  node.IgnoreOperand(1);
  if (node.has(2)) {
    const std::vector<int64_t> is_training = node.KnownIntegers(2);
    if (!is_training.empty() && is_training[0] != 0) f.Refuse("training_mode is true");
  }
  if (!node.wants(1)) return f.Return({x});
  const BuiltValue one = node.opset() < 10 ? f.Scalar(x, 1.0) : f.Bools({1}, Shape());
  return f.Return({x, f.Broadcast(one, x.shape())});
}

constexpr NamedConverter kConverters[] = {
    {"Abs", Unary<OpCode::kAbs>},
    {"Acos", Unary<OpCode::kAcos>},
    {"Acosh", Unary<OpCode::kAcosh>, 9},
    {"Add", Binary<OpCode::kAdd>},
    {"And", Binary<OpCode::kAnd>},
    {"Asin", Unary<OpCode::kAsin>},
    {"Asinh", Unary<OpCode::kAsinh>, 9},
    {"Atan", Unary<OpCode::kAtan>},
    {"Atanh", Unary<OpCode::kAtanh>, 9},
    {"Cast", Cast},
    {"CastLike", CastLike, 15},
    {"Ceil", Unary<OpCode::kCeil>},
    {"Clip", Clip},
    {"Cos", Unary<OpCode::kCos>},
    {"Cosh", Unary<OpCode::kCosh>, 9},
    {"Div", Binary<OpCode::kDiv>},
    {"Dropout", Dropout},
    {"Equal", Binary<OpCode::kEq>},
    {"Erf", Unary<OpCode::kErf>, 9},
    {"Exp", Unary<OpCode::kExp>},
    {"Floor", Unary<OpCode::kFloor>},
    {"Greater", Binary<OpCode::kGt>},
    {"GreaterOrEqual", Binary<OpCode::kGe>, 12},
    {"Identity", Identity},
    {"IsInf", IsInf, 10},
    {"IsNaN", Unary<OpCode::kIsNan>, 9},
    {"Less", Binary<OpCode::kLt>},
    {"LessOrEqual", Binary<OpCode::kLe>, 12},
    {"Log", Unary<OpCode::kLog>},
    {"Max", Variadic<OpCode::kMax>},
    {"Mean", Mean},
    {"Min", Variadic<OpCode::kMin>},
    {"Mod", Mod, 10},
    {"Mul", Binary<OpCode::kMul>},
    {"Neg", Unary<OpCode::kNeg>},
    {"Not", Unary<OpCode::kNot>},
    {"Or", Binary<OpCode::kOr>},
    {"Pow", Pow},
    {"Reciprocal", Reciprocal},
    {"Round", Unary<OpCode::kRound>, 11},
    {"Sign", Unary<OpCode::kSign>, 9},
    {"Sin", Unary<OpCode::kSin>},
    {"Sinh", Unary<OpCode::kSinh>, 9},
    {"Sqrt", Unary<OpCode::kSqrt>},
    {"Sub", Binary<OpCode::kSub>},
    {"Sum", Variadic<OpCode::kAdd>},
    {"Tan", Unary<OpCode::kTan>},
    {"Where",
     [](NodeConversion& node) -> Results {
       Formula f(node);
       return f.Return({f.Where(node.operand(0), node.operand(1), node.operand(2))});
     },
     9},
    {"Xor", Binary<OpCode::kXor>},
};

}  // namespace

absl::Span<const NamedConverter> ElementwiseConverters() { return kConverters; }

}  // namespace rnnserve
