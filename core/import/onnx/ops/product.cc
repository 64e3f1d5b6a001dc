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

// As numpy.matmul: the last two axes are matrices, and the ones before broadcast. A vector counts
// as a matrix with one row or column, which the result does not have.
Results MatMul(NodeConversion& node) {
  Formula f(node);
  const BuiltValue a = node.operand(0);
  const BuiltValue b = node.operand(1);
  if (!f.Require(a.rank() > 0 && b.rank() > 0, "an operand is a scalar")) return f.Return({});
  const size_t batch_a = static_cast<size_t>(std::max(a.rank() - 2, 0));
  const size_t batch_b = static_cast<size_t>(std::max(b.rank() - 2, 0));
  const std::string batch = std::string("abcdefgh").substr(0, std::max(batch_a, batch_b));
  if (!f.Require(batch.size() == std::max(batch_a, batch_b), "an operand has too many axes")) {
    return f.Return({});
  }
  const std::string letters_a = batch.substr(batch.size() - batch_a);
  const std::string letters_b = batch.substr(batch.size() - batch_b);
  return f.Return(
      {Contract(f, {a, absl::StrCat(letters_a, a.rank() == 1 ? "k" : "mk")},
                {b, absl::StrCat(letters_b, b.rank() == 1 ? "k" : "kn")},
                absl::StrCat(batch, a.rank() == 1 ? "" : "m", b.rank() == 1 ? "" : "n"))});
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
