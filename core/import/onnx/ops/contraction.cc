// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/ops/contraction.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rnnserve {
namespace {

bool Has(absl::string_view letters, char letter) { return letters.find(letter) != letters.npos; }

// Returns the extent of the axis of that letter; 1 if there is none.
int64_t ExtentOf(const LetteredValue& x, char letter) {
  const size_t axis = x.letters.find(letter);
  return axis == std::string::npos ? 1 : x.value.shape()[static_cast<int>(axis)];
}

// Removes the axes of extent 1.
LetteredValue WithoutOnes(Formula& f, const LetteredValue& x) {
  LetteredValue kept;
  std::vector<int64_t> extents;
  for (const char letter : x.letters) {
    if (ExtentOf(x, letter) == 1) continue;
    kept.letters.push_back(letter);
    extents.push_back(ExtentOf(x, letter));
  }
  kept.value = f.Reshape(x.value, Shape(extents));
  return kept;
}

// Sums over the axes whose letters are not among `kept`.
LetteredValue SumOthers(Formula& f, const LetteredValue& x, absl::string_view kept) {
  std::vector<int64_t> axes;
  LetteredValue result;
  for (size_t i = 0; i < x.letters.size(); ++i) {
    if (Has(kept, x.letters[i])) {
      result.letters.push_back(x.letters[i]);
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  result.value = f.Sum(x.value, axes, false);
  return result;
}

}  // namespace

BuiltValue Arrange(Formula& f, const LetteredValue& x, absl::string_view result) {
  const LetteredValue summed = SumOthers(f, x, result);
  std::vector<int64_t> perm;
  std::vector<int64_t> extents;
  for (const char letter : result) {
    const size_t axis = summed.letters.find(letter);
    if (axis != std::string::npos) perm.push_back(static_cast<int64_t>(axis));
    extents.push_back(f.ok() ? ExtentOf(summed, letter) : 1);
  }
  return f.Reshape(f.Transpose(summed.value, std::move(perm)), Shape(extents));
}

BuiltValue Contract(Formula& f, LetteredValue a, LetteredValue b, absl::string_view result) {
  if (!f.ok()) return BuiltValue();
  std::vector<int64_t> extents;
  std::string kept;
  for (const char letter : result) {
    extents.push_back(std::max(ExtentOf(a, letter), ExtentOf(b, letter)));
    if (extents.back() != 1) kept.push_back(letter);
  }
  a = WithoutOnes(f, a);
  b = WithoutOnes(f, b);
  a = SumOthers(f, a, absl::StrCat(kept, b.letters));
  b = SumOthers(f, b, absl::StrCat(kept, a.letters));
  BuiltValue product;
  if (a.letters.empty() || b.letters.empty()) {
    product = f.Mul(Arrange(f, a, a.letters.empty() ? "" : kept),
                    Arrange(f, b, b.letters.empty() ? "" : kept));
  } else {
    product = f.Dot(a.value, b.value, absl::StrCat(a.letters, ",", b.letters, "->", kept));
  }
  return f.Reshape(product, Shape(extents));
}

BuiltValue MatrixProduct(Formula& f, const BuiltValue& a, const BuiltValue& b) {
  if (!f.Require(a.rank() > 0 && b.rank() > 0, "an operand is a scalar")) return a;
  const auto batch_a = static_cast<size_t>(std::max(a.rank() - 2, 0));
  const auto batch_b = static_cast<size_t>(std::max(b.rank() - 2, 0));
  const std::string batch = std::string("abcdefgh").substr(0, std::max(batch_a, batch_b));
  if (!f.Require(batch.size() == std::max(batch_a, batch_b), "an operand has too many axes")) {
    return a;
  }
  const std::string letters_a = batch.substr(batch.size() - batch_a);
  const std::string letters_b = batch.substr(batch.size() - batch_b);
  return Contract(f, {a, absl::StrCat(letters_a, a.rank() == 1 ? "k" : "mk")},
                  {b, absl::StrCat(letters_b, b.rank() == 1 ? "k" : "kn")},
                  absl::StrCat(batch, a.rank() == 1 ? "" : "m", b.rank() == 1 ? "" : "n"));
}

}  // namespace rnnserve
