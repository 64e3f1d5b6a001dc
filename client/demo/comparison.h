// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_COMPARISON_H_
#define RNNSERVE_CLIENT_DEMO_COMPARISON_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/types/span.h"

// Compares numbers for the demo, and counts the comparisons that agree.
namespace rnnserve::client {

// Larger than the effect of float32 summation order on these models, and far smaller than any real
// mistake.
inline constexpr double kTolerance = 2e-5;

// Returns the largest |actual - expected|, divided by |expected| where that is above 1; infinity if
// the sizes differ or a number is not finite.
double LargestDifference(absl::Span<const float> actual, absl::Span<const float> expected);

// Returns the index of the largest element, the first if there are several. REQUIRES: `values` is
// not empty.
int IndexOfLargest(absl::Span<const float> values);

// Returns the root of the mean of (a - b)^2. REQUIRES: both have the same size, at least 1.
double RootMeanSquare(absl::Span<const float> a, absl::Span<const float> b);

// The results of the demo's comparisons, which decide its exit code.
//
// Thread-compatible.
class Checks {
 public:
  // Prints to `out`, which must outlive the object.
  explicit Checks(std::ostream& out) : out_(out) {}

  // Counts a comparison and prints a line that says whether `is_right`.
  void Expect(bool is_right, const std::string& sentence);

  // Expects that `difference` is at most kTolerance, and prints both numbers.
  void ExpectSmall(double difference, const std::string& sentence);

  int num_failed() const { return num_failed_; }
  int num_all() const { return num_all_; }

 private:
  std::ostream& out_;
  int num_failed_ = 0;
  int num_all_ = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_COMPARISON_H_
