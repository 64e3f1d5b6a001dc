// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/import/onnx/ops/converter_lists.h"

namespace rnnserve {
namespace {

// MatMul as numpy.matmul: the last two axes are multiplied, the others broadcast.
absl::StatusOr<std::vector<BuiltValue>> MatMul(NodeConversion& node) {
  BuiltValue a = node.operand(0);
  BuiltValue b = node.operand(1);
  if (a.rank() == 0 || b.rank() == 0) return NotServed("an operand is a scalar");
  if (a.rank() > 8 || b.rank() > 8) return NotServed("an operand has more than 8 axes");
  std::string a_letters = a.rank() == 1 ? "k" : "mk";
  std::string b_letters = b.rank() == 1 ? "k" : "kn";
  std::string result = std::string(a.rank() == 1 ? "" : "m") + (b.rank() == 1 ? "" : "n");
  // The leading axes have the letters a, b, ..., counted from the right. An axis of extent 1 that
  // the other operand stretches has no letter, because it is removed.
  const int leading = std::max(a.rank(), b.rank()) - 2;
  std::vector<int64_t> a_shape(a.shape().extents().end() - std::min(a.rank(), 2),
                               a.shape().extents().end());
  std::vector<int64_t> b_shape(b.shape().extents().end() - std::min(b.rank(), 2),
                               b.shape().extents().end());
  for (int i = 0; i < leading; ++i) {
    const char letter = static_cast<char>('a' + i);
    const int64_t a_extent = a.rank() > i + 2 ? a.shape()[a.rank() - 3 - i] : 1;
    const int64_t b_extent = b.rank() > i + 2 ? b.shape()[b.rank() - 3 - i] : 1;
    result.insert(result.begin(), letter);
    if (a_extent != 1 || b_extent == 1) {
      a_letters.insert(a_letters.begin(), letter);
      a_shape.insert(a_shape.begin(), a_extent);
    }
    if (b_extent != 1) {
      b_letters.insert(b_letters.begin(), letter);
      b_shape.insert(b_shape.begin(), b_extent);
    }
  }
  ProgramBuilder& builder = node.builder();
  RNNSERVE_ASSIGN_OR_RETURN(a, builder.Reshape(a, Shape(a_shape)));
  RNNSERVE_ASSIGN_OR_RETURN(b, builder.Reshape(b, Shape(b_shape)));
  return OneResult(builder.Dot(a, b, a_letters + "," + b_letters + "->" + result));
}

// Gemm: alpha * A' * B' + beta * C, where A' and B' may be transposed.
absl::StatusOr<std::vector<BuiltValue>> Gemm(NodeConversion& node) {
  ProgramBuilder& builder = node.builder();
  const std::string a = node.Int("transA", 0) != 0 ? "km" : "mk";
  const std::string b = node.Int("transB", 0) != 0 ? "nk" : "kn";
  const float alpha = node.Float("alpha", 1.0f);
  const float beta = node.Float("beta", 1.0f);
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue result,
                            builder.Dot(node.operand(0), node.operand(1), a + "," + b + "->mn"));
  if (alpha != 1.0f) {
    const BuiltValue factor(ScalarTensor(alpha));
    RNNSERVE_ASSIGN_OR_RETURN(result, builder.Add(OpCode::kMul, {result, factor}));
  }
  if (!node.has(2)) return std::vector<BuiltValue>{result};
  BuiltValue c = node.operand(2);
  if (beta != 1.0f) {
    const BuiltValue factor(ScalarTensor(beta));
    RNNSERVE_ASSIGN_OR_RETURN(c, builder.Add(OpCode::kMul, {c, factor}));
  }
  return OneResult(builder.Add(OpCode::kAdd, {result, c}));
}

}  // namespace

absl::Span<const NamedConverter> ProductConverters() {
  static constexpr NamedConverter kConverters[] = {
      {"Gemm", Gemm},
      {"MatMul", MatMul},
  };
  return kConverters;
}

}  // namespace rnnserve
