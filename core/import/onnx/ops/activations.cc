// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Activation functions, as operators of their own.

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

Results LeakyRelu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Where(f.Less(x, 0.0), f.Mul(x, node.Float("alpha", 0.01f)), x)});
}

Results PRelu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Where(f.Less(x, 0.0), f.Mul(x, node.operand(1)), x)});
}

Results Elu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue below = f.Mul(f.Apply(OpCode::kExpm1, {x}), node.Float("alpha", 1.0f));
  return f.Return({f.Where(f.Less(x, 0.0), below, x)});
}

Results Celu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const float alpha = node.Float("alpha", 1.0f);
  const BuiltValue below = f.Mul(f.Apply(OpCode::kExpm1, {f.Div(x, alpha)}), alpha);
  return f.Return({f.Add(f.Max(x, 0.0), f.Min(below, 0.0))});
}

Results Selu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const float alpha = node.Float("alpha", 1.67326319217681884765625f);
  const float gamma = node.Float("gamma", 1.05070102214813232421875f);
  const BuiltValue below = f.Mul(f.Apply(OpCode::kExpm1, {x}), alpha);
  return f.Return({f.Mul(f.Where(f.Less(x, 0.0), below, x), gamma)});
}

Results HardSigmoid(NodeConversion& node) {
  Formula f(node);
  const BuiltValue line =
      f.Add(f.Mul(node.operand(0), node.Float("alpha", 0.2f)), node.Float("beta", 0.5f));
  return f.Return({f.Max(f.Min(line, 1.0), 0.0)});
}

Results HardSwish(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue line = f.Add(f.Mul(x, 1.0f / 6.0f), 0.5);
  return f.Return({f.Mul(x, f.Max(f.Min(line, 1.0), 0.0))});
}

Results Softsign(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Div(x, f.Add(f.Apply(OpCode::kAbs, {x}), 1.0))});
}

Results ThresholdedRelu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue alpha = f.Scalar(x, node.Float("alpha", 1.0f));
  return f.Return({f.Where(f.Less(alpha, x), x, f.Scalar(x, 0.0))});
}

Results Gelu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::string approximate = node.String("approximate", "none");
  if (approximate == "none") return f.Return({f.Apply(OpCode::kGelu, {x})});
  f.Require(approximate == "tanh", absl::StrCat("approximate is '", approximate, "'"));
  const BuiltValue cube = f.Mul(f.Mul(x, x), x);
  const BuiltValue inner = f.Mul(f.Add(x, f.Mul(cube, 0.044715)), 0.7978845608028654);
  return f.Return({f.Mul(f.Mul(x, 0.5), f.Add(f.Apply(OpCode::kTanh, {inner}), 1.0))});
}

Results Mish(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Mul(x, f.Apply(OpCode::kTanh, {f.Apply(OpCode::kSoftplus, {x})}))});
}

Results Swish(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const float alpha = node.Float("alpha", 1.0f);
  if (alpha == 1.0f) return f.Return({f.Apply(OpCode::kSilu, {x})});
  return f.Return({f.Mul(x, f.Apply(OpCode::kSigmoid, {f.Mul(x, alpha)}))});
}

Results Shrink(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const float bias = node.Float("bias", 0.0f);
  const float lambd = node.Float("lambd", 0.5f);
  const BuiltValue above = f.Where(f.Less(f.Scalar(x, lambd), x), f.Sub(x, bias), f.Scalar(x, 0.0));
  return f.Return({f.Where(f.Less(x, -lambd), f.Add(x, bias), above)});
}

constexpr NamedConverter kConverters[] = {
    {"Celu", Celu, 12},
    {"Elu", Elu},
    {"Gelu", Gelu, 20},
    {"HardSigmoid", HardSigmoid},
    {"HardSwish", HardSwish, 14},
    {"LeakyRelu", LeakyRelu},
    {"Mish", Mish, 18},
    {"PRelu", PRelu},
    {"Relu", Unary<OpCode::kRelu>},
    {"Selu", Selu},
    {"Shrink", Shrink, 9},
    {"Sigmoid", Unary<OpCode::kSigmoid>},
    {"Softplus", Unary<OpCode::kSoftplus>},
    {"Softsign", Softsign},
    {"Swish", Swish, 24},
    {"Tanh", Unary<OpCode::kTanh>},
    {"ThresholdedRelu", ThresholdedRelu, 10},
};

}  // namespace

absl::Span<const NamedConverter> ActivationConverters() { return kConverters; }

}  // namespace rnnserve
