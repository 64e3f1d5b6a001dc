// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/number_lines.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rnnserve::client {

absl::StatusOr<std::vector<double>> ParseNumberLines(absl::string_view text) {
  std::vector<double> numbers;
  size_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    double number = 0;
    if (!absl::SimpleAtod(line, &number) || !std::isfinite(number)) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, ": '", line, "' is not a number"));
    }
    numbers.push_back(number);
  }
  if (numbers.empty()) return absl::InvalidArgumentError("the file contains no number");
  return numbers;
}

}  // namespace rnnserve::client
