// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"

namespace rnnserve::client {

double LargestDifference(absl::Span<const float> actual, absl::Span<const float> expected) {
  if (actual.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::abs(double{actual[i]} - double{expected[i]});
    if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference / std::max(1.0, std::abs(double{expected[i]})));
  }
  return largest;
}

int IndexOfLargest(absl::Span<const float> values) {
  return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

double RootMeanSquare(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

void Checks::Expect(bool is_right, const std::string& sentence) {
  ++num_all_;
  if (!is_right) ++num_failed_;
  out_ << (is_right ? "  [ok]     " : "  [FAILED] ") << sentence << "\n";
}

void Checks::ExpectSmall(double difference, const std::string& sentence) {
  Expect(difference <= kTolerance, absl::StrFormat("%s: largest difference %.1e (at most %.0e)",
                                                   sentence, difference, kTolerance));
}

}  // namespace rnnserve::client
