// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/length_distribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/files/number_lines.h"
#include "client/files/sequence_file.h"

namespace rnnserve::client {
namespace {

constexpr double kMaxSigma = 10;

bool IsLength(double value) {
  return value >= 1 && value <= static_cast<double>(LengthDistribution::kLongest);
}

bool IsWholeLength(double value) { return IsLength(value) && value == std::floor(value); }

absl::Status FormError(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text, "' is none of fixed:N, uniform:A-B, geometric:MEAN, lognormal:MEDIAN,SIGMA and ",
      "file:PATH with lengths from 1 to ", LengthDistribution::kLongest));
}

absl::StatusOr<std::vector<int64_t>> ReadLengths(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<std::vector<double>> numbers = ParseNumberLines(*bytes);
  if (!numbers.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", numbers.status().message()));
  }
  for (double number : *numbers) {
    if (!IsWholeLength(number)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": ", number, " is not a whole number from 1 to ", LengthDistribution::kLongest));
    }
  }
  return std::vector<int64_t>(numbers->begin(), numbers->end());
}

// Parses the two numbers around `separator`.
bool ParsePair(absl::string_view text, char separator, double* first, double* second) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(separator, 1));
  return absl::SimpleAtod(parts.first, first) && absl::SimpleAtod(parts.second, second);
}

}  // namespace

LengthDistribution::LengthDistribution(absl::string_view text, Kind kind, double a, double b)
    : text_(text), kind_(kind), a_(a), b_(b) {}

absl::StatusOr<LengthDistribution> LengthDistribution::Parse(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  const auto& [name, arguments] = parts;
  double a = 0;
  double b = 0;
  if (name == "fixed" && absl::SimpleAtod(arguments, &a) && IsWholeLength(a)) {
    return LengthDistribution(text, Kind::kUniform, a, a);
  }
  if (name == "uniform" && ParsePair(arguments, '-', &a, &b) && IsWholeLength(a) &&
      IsWholeLength(b) && a <= b) {
    return LengthDistribution(text, Kind::kUniform, a, b);
  }
  if (name == "geometric" && absl::SimpleAtod(arguments, &a) && IsLength(a)) {
    return LengthDistribution(text, Kind::kGeometric, a, 0);
  }
  if (name == "lognormal" && ParsePair(arguments, ',', &a, &b) && IsLength(a) && b >= 0 &&
      b <= kMaxSigma) {
    return LengthDistribution(text, Kind::kLognormal, a, b);
  }
  if (name != "file") return FormError(text);
  absl::StatusOr<std::vector<int64_t>> lengths = ReadLengths(std::string(arguments));
  if (!lengths.ok()) return lengths.status();
  LengthDistribution listed(text, Kind::kListed, 0, 0);
  listed.lengths_ = *std::move(lengths);
  return listed;
}

bool LengthDistribution::IsFixedMultipleOf(int64_t factor) const {
  return kind_ == Kind::kUniform && a_ == b_ && static_cast<int64_t>(a_) % factor == 0;
}

int64_t LengthDistribution::Draw(Random& random) const {
  double length = 1;
  switch (kind_) {
    case Kind::kUniform:
      return random.Integer(static_cast<int64_t>(a_), static_cast<int64_t>(b_));
    case Kind::kGeometric:
      // The inverse of P(length <= n) = 1 - (1 - 1/MEAN)^n; it would be 0/0 for a mean of 1.
      if (a_ > 1) length = std::ceil(std::log1p(-random.Uniform()) / std::log1p(-1 / a_));
      break;
    case Kind::kLognormal:
      length = std::round(a_ * std::exp(b_ * random.Normal()));
      break;
    case Kind::kListed:
      return lengths_[static_cast<size_t>(
          random.Integer(0, static_cast<int64_t>(lengths_.size()) - 1))];
  }
  return static_cast<int64_t>(std::clamp(length, 1.0, static_cast<double>(kLongest)));
}

}  // namespace rnnserve::client
