// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/dot_equation.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

bool IsLetters(absl::string_view axes) {
  return std::all_of(axes.begin(), axes.end(), [](char c) { return absl::ascii_isalpha(c); });
}

bool Has(const std::string& axes, char letter) { return axes.find(letter) != std::string::npos; }

bool Repeats(const std::string& axes) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes.find(axes[i], i + 1) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<DotEquation> DotEquation::Parse(absl::string_view equation) {
  const auto invalid = [equation](absl::string_view text) {
    return InvalidArgument("PROGRAM_INVALID",
                           absl::StrCat("the equation '", equation.substr(0, 64), "' ", text));
  };
  const size_t comma = equation.find(',');
  const size_t arrow = equation.find("->");
  if (comma == absl::string_view::npos || arrow == absl::string_view::npos || arrow < comma) {
    return invalid("is not of the form 'ab,bc->ac'");
  }
  DotEquation parsed;
  parsed.a = std::string(equation.substr(0, comma));
  parsed.b = std::string(equation.substr(comma + 1, arrow - comma - 1));
  parsed.result = std::string(equation.substr(arrow + 2));
  if (!IsLetters(parsed.a) || !IsLetters(parsed.b) || !IsLetters(parsed.result)) {
    return invalid("is not of the form 'ab,bc->ac'; it may hold nothing but letters, ',' and '->'");
  }
  if (Repeats(parsed.a) || Repeats(parsed.b) || Repeats(parsed.result)) {
    return invalid("has a letter twice in one operand or in the result");
  }
  for (const char letter : parsed.result) {
    if (!Has(parsed.a, letter) && !Has(parsed.b, letter)) {
      return invalid(absl::StrCat("has '", std::string(1, letter), "' in the result alone"));
    }
  }
  for (const char letter : parsed.a + parsed.b) {
    if (Has(parsed.result, letter) || (Has(parsed.a, letter) && Has(parsed.b, letter))) continue;
    return invalid(absl::StrCat("has '", std::string(1, letter),
                                "' in one operand alone; sum over that axis with reduce_sum"));
  }
  for (const char letter : parsed.a) {
    if (!Has(parsed.result, letter)) parsed.summed += letter;
  }
  return parsed;
}

}  // namespace rnnserve
