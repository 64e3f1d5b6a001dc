// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Einsum, as products of two operands each.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// An equation with one letter for each axis: the ellipses are letters too.
struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

// Letters that the equation does not use, one for each axis that its ellipses may stand for.
std::string UnusedLetters(absl::string_view equation) {
  std::string letters;
  for (char letter = 'A'; letter <= 'z'; ++letter) {
    if (absl::ascii_isalpha(static_cast<unsigned char>(letter)) &&
        equation.find(letter) == absl::string_view::npos) {
      letters.push_back(letter);
    }
  }
  return letters;
}

// Without "->", the result has the axes of the ellipses and then, in the order of the alphabet, the
// letters that appear once.
std::string ImpliedResult(const std::vector<std::string>& operands, const std::string& ellipsis) {
  std::map<char, int> counts;
  for (const std::string& operand : operands) {
    for (const char letter : operand) ++counts[letter];
  }
  std::string result = ellipsis;
  for (const auto& [letter, count] : counts) {
    if (count == 1 && ellipsis.find(letter) == std::string::npos) result.push_back(letter);
  }
  return result;
}

// Returns nullopt if the equation does not fit the operands.
std::optional<Equation> Parse(absl::string_view text, const std::vector<BuiltValue>& operands) {
  const std::string equation = absl::StrReplaceAll(text, {{" ", ""}});
  const std::vector<std::string> sides = absl::StrSplit(equation, "->");
  if (sides.size() > 2) return std::nullopt;
  Equation parsed;
  parsed.operands = absl::StrSplit(sides[0], ',');
  if (parsed.operands.size() != operands.size()) return std::nullopt;
  const std::string unused = UnusedLetters(equation);
  std::string longest;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string& letters = parsed.operands[i];
    const auto rank = static_cast<size_t>(operands[i].rank());
    const size_t ellipsis = letters.find("...");
    if (ellipsis != std::string::npos) {
      const size_t named = letters.size() - 3;
      if (named > rank || rank - named > unused.size()) return std::nullopt;
      // Axes of ellipses are aligned at the last one.
      const std::string axes = unused.substr(unused.size() - (rank - named));
      letters.replace(ellipsis, 3, axes);
      if (axes.size() > longest.size()) longest = axes;
    }
    if (letters.size() != rank) return std::nullopt;
  }
  parsed.result = sides.size() == 2 ? absl::StrReplaceAll(sides[1], {{"...", longest}})
                                    : ImpliedResult(parsed.operands, longest);
  const std::string all = absl::StrCat(sides[0], unused);
  for (const char letter : parsed.result) {
    if (all.find(letter) == std::string::npos) return std::nullopt;
  }
  return parsed;
}

// Takes the diagonals of axes with the same letter.
LetteredValue Diagonal(Formula& f, LetteredValue x) {
  for (size_t i = 0; i < x.letters.size(); ++i) {
    const size_t again = x.letters.find(x.letters[i], i + 1);
    if (again == std::string::npos || !f.ok()) continue;
    // Both axes become the last ones, and then one.
    std::vector<int64_t> perm;
    std::string letters;
    std::vector<int64_t> extents;
    for (size_t axis = 0; axis < x.letters.size(); ++axis) {
      if (axis == i || axis == again) continue;
      perm.push_back(static_cast<int64_t>(axis));
      letters.push_back(x.letters[axis]);
      extents.push_back(x.value.shape()[static_cast<int>(axis)]);
    }
    const int64_t extent = x.value.shape()[static_cast<int>(i)];
    if (!f.Require(extent == x.value.shape()[static_cast<int>(again)],
                   "two axes with the same letter have different extents")) {
      return x;
    }
    perm.push_back(static_cast<int64_t>(i));
    perm.push_back(static_cast<int64_t>(again));
    letters.push_back(x.letters[i]);
    extents.push_back(extent * extent);
    std::vector<int64_t> places = Counting(extent);
    for (int64_t& place : places) place *= extent + 1;
    const BuiltValue flat = f.Reshape(f.Transpose(x.value, perm), Shape(extents));
    const int last = static_cast<int>(extents.size()) - 1;
    x = Diagonal(f,
                 {f.Gather(flat, f.Integers(std::move(places), Shape({extent})), last), letters});
    break;
  }
  return x;
}

// Returns the letters of `letters` that the result or one of the operands from number `next` on
// needs.
std::string StillNeeded(const std::string& letters, const Equation& equation, size_t next) {
  std::string needed;
  for (const char letter : letters) {
    bool is_needed = equation.result.find(letter) != std::string::npos;
    for (size_t i = next; i < equation.operands.size(); ++i) {
      is_needed = is_needed || equation.operands[i].find(letter) != std::string::npos;
    }
    if (is_needed && needed.find(letter) == std::string::npos) needed.push_back(letter);
  }
  return needed;
}

Results Einsum(NodeConversion& node) {
  Formula f(node);
  const std::vector<BuiltValue> operands = node.operands();
  const std::string text = node.String("equation", "");
  const std::optional<Equation> equation = Parse(text, operands);
  if (!f.Require(equation.has_value() && !operands.empty(),
                 absl::StrCat("the equation '", text, "' does not fit the operands"))) {
    return f.Return({});
  }
  LetteredValue product = Diagonal(f, {operands[0], equation->operands[0]});
  for (size_t i = 1; i < operands.size() && f.ok(); ++i) {
    const LetteredValue next = Diagonal(f, {operands[i], equation->operands[i]});
    const bool is_last = i + 1 == operands.size();
    const std::string letters =
        is_last ? equation->result
                : StillNeeded(absl::StrCat(product.letters, next.letters), *equation, i + 1);
    product = {Contract(f, product, next, letters), letters};
  }
  return f.Return({Arrange(f, product, equation->result)});
}

constexpr NamedConverter kConverters[] = {{"Einsum", Einsum, 12}};

}  // namespace

absl::Span<const NamedConverter> EinsumConverters() { return kConverters; }

}  // namespace rnnserve
