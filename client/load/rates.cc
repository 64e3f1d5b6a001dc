// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/rates.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rnnserve::client {
namespace {

// Returns the numbers between the separators; nothing if one of the parts is not a number.
std::vector<double> ParseNumbers(absl::string_view text, char separator) {
  std::vector<double> numbers;
  for (absl::string_view part : absl::StrSplit(text, separator)) {
    double number = 0;
    if (!absl::SimpleAtod(part, &number)) return {};
    numbers.push_back(number);
  }
  return numbers;
}

// Returns the rates of the range A:B:N; nothing if `range` is not A, B and a whole N.
std::vector<double> Expand(const std::vector<double>& range) {
  if (range.size() != 3 || !(range[2] >= 2 && range[2] <= static_cast<double>(kMaxRates))) {
    return {};
  }
  const auto num_rates = static_cast<size_t>(range[2]);
  if (static_cast<double>(num_rates) != range[2]) return {};
  std::vector<double> rates;
  for (size_t i = 0; i < num_rates; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(num_rates - 1);
    rates.push_back(range[0] + share * (range[1] - range[0]));
  }
  return rates;
}

}  // namespace

absl::StatusOr<std::vector<double>> ParseRates(absl::string_view text) {
  const bool is_range = absl::StrContains(text, ':');
  std::vector<double> rates = is_range ? Expand(ParseNumbers(text, ':')) : ParseNumbers(text, ',');
  const auto is_rate = [](double rate) { return rate > 0 && rate <= kMaxRate; };
  if (rates.empty() || rates.size() > kMaxRates ||
      !std::all_of(rates.begin(), rates.end(), is_rate)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is neither RATE,RATE,... nor FROM:TO:COUNT with rates above 0, ",
                     "at most ", kMaxRate, ", and 2 to ", kMaxRates, " of them"));
  }
  return rates;
}

}  // namespace rnnserve::client
