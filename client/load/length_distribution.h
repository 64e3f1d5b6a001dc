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

// The distribution of sequence lengths, in timesteps: each from 1 to kLongest.
//
//   fixed:N                 always N
//   uniform:A-B             every length from A to B with equal probability
//   geometric:MEAN          the sequence ends after each timestep with probability 1 / MEAN
//   lognormal:MEDIAN,SIGMA  its logarithm is normal, with standard deviation SIGMA
//   file:PATH               one of the lengths in a file (one per line), with equal probability
//
// Immutable; safe to share.
class LengthDistribution {
 public:
  static constexpr int64_t kLongest = 1'000'000'000;

  // fixed:100
  LengthDistribution() : LengthDistribution("fixed:100", Kind::kUniform, 100, 100) {}

  // Parses one of the forms above. INVALID_ARGUMENT, with the list of forms, if `text` is none of
  // them or a number is out of range. For a file, also the errors of ReadFile, and INVALID_ARGUMENT
  // with the line.
  static absl::StatusOr<LengthDistribution> Parse(absl::string_view text);

  // Returns whether every draw gives the same length and that length is a multiple of `factor`.
  // REQUIRES: factor > 0.
  bool IsFixedMultipleOf(int64_t factor) const;

  // Draws one length.
  int64_t Draw(Random& random) const;

  // Returns the text that was parsed.
  const std::string& text() const { return text_; }

 private:
  enum class Kind { kUniform, kGeometric, kLognormal, kListed };
  LengthDistribution(absl::string_view text, Kind kind, double a, double b);

  std::string text_;
  Kind kind_;
  // For kUniform the smallest and the largest length; for kGeometric the mean; for kLognormal the
  // median and sigma.
  double a_;
  double b_;
  // For kListed.
  std::vector<int64_t> lengths_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LENGTH_DISTRIBUTION_H_
