// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_COMPARISON_H_
#define RNNSERVE_CLIENT_DEMO_COMPARISON_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/types/span.h"

// How the demo compares numbers, and keeps count of what agrees.
namespace rnnserve::client {

// More than summation order in float32 can do to these models, far less than any real mistake.
inline constexpr double kTolerance = 2e-5;

// The largest |actual - expected|, divided by |expected| where that is above 1; infinity if the
// sizes differ or a number is not finite.
double LargestDifference(absl::Span<const float> actual, absl::Span<const float> expected);

// The index of the largest element; the first of several. REQUIRES: there is one.
int IndexOfLargest(absl::Span<const float> values);

// The root of the mean of (a - b)^2. REQUIRES: both have the same size, at least 1.
double RootMeanSquare(absl::Span<const float> a, absl::Span<const float> b);

// What the demo found out, for its exit code.
//
// Thread-compatible.
class Checks {
 public:
  // Prints to `out`, which must outlive the object.
  explicit Checks(std::ostream& out) : out_(out) {}

  // Prints a line that says whether `is_right`.
  void Expect(bool is_right, const std::string& sentence);

  // Expect that `difference` is at most kTolerance, with both numbers.
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
