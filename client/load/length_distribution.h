// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LENGTH_DISTRIBUTION_H_
#define RNNSERVE_CLIENT_LOAD_LENGTH_DISTRIBUTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/load/random.h"

namespace rnnserve::client {

// How long sequences are, in timesteps: each from 1 to kLongest.
//
//   fixed:N                 all of N
//   uniform:A-B             every length from A to B equally often
//   geometric:MEAN          it may end after any timestep, with probability 1 / MEAN
//   lognormal:MEDIAN,SIGMA  its logarithm is normal, with standard deviation SIGMA
//   file:PATH               one of the lengths in a file, one a line, each equally often
//
// Immutable; safe to share.
class LengthDistribution {
 public:
  static constexpr int64_t kLongest = 1'000'000'000;

  // fixed:100
  LengthDistribution() : LengthDistribution("fixed:100", Kind::kUniform, 100, 100) {}

  // INVALID_ARGUMENT, with the forms that there are, if `text` is none of them or a number is out
  // of range; what ReadFile returns, and INVALID_ARGUMENT with the line, for a file.
  static absl::StatusOr<LengthDistribution> Parse(absl::string_view text);

  // Whether every draw is the same, and so a multiple of `factor`. REQUIRES: factor > 0.
  bool IsFixedMultipleOf(int64_t factor) const;

  // Draws one.
  int64_t Draw(Random& random) const;

  // As it was parsed.
  const std::string& text() const { return text_; }

 private:
  enum class Kind { kUniform, kGeometric, kLognormal, kListed };
  LengthDistribution(absl::string_view text, Kind kind, double a, double b);

  std::string text_;
  Kind kind_;
  // The least and the greatest length; the mean; the median and sigma.
  double a_;
  double b_;
  // kListed.
  std::vector<int64_t> lengths_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LENGTH_DISTRIBUTION_H_
