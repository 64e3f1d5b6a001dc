// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Products of matrices.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

Results MatMul(NodeConversion& node) {
  Formula f(node);
  return f.Return({MatrixProduct(f, node.operand(0), node.operand(1))});
}

// alpha * a * b + beta * c
Results Gemm(NodeConversion& node) {
  Formula f(node);
  const BuiltValue a = node.operand(0);
  const BuiltValue b = node.operand(1);
  const float alpha = node.Float("alpha", 1.0f);
  const float beta = node.Float("beta", 1.0f);
  const std::string letters_a = node.Int("transA", 0) != 0 ? "km" : "mk";
  const std::string letters_b = node.Int("transB", 0) != 0 ? "nk" : "kn";
  if (!f.Require(a.rank() == 2 && b.rank() == 2, "an operand is not a matrix")) {
    return f.Return({});
  }
  BuiltValue y = Contract(f, {a, letters_a}, {b, letters_b}, "mn");
  if (alpha != 1.0f) y = f.Mul(y, alpha);
  if (!node.has(2)) return f.Return({y});
  const BuiltValue c = node.operand(2);
  return f.Return({f.Add(y, beta == 1.0f ? c : f.Mul(c, beta))});
}

constexpr NamedConverter kConverters[] = {
    {"Gemm", Gemm},
    {"MatMul", MatMul},
};

}  // namespace

absl::Span<const NamedConverter> ProductConverters() { return kConverters; }

}  // namespace rnnserve
