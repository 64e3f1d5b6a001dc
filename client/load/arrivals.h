// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_ARRIVALS_H_
#define RNNSERVE_CLIENT_LOAD_ARRIVALS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The times at which the messages of an open loop should be sent. They are drawn before the load
// begins, so that neither the drawing nor a slow server can delay a message.
namespace rnnserve::client {

// Times since the beginning of the load, ascending. Arrivals before the end of the warm-up are not
// measured.
using Arrivals = std::vector<absl::Duration>;

// The limits of a list of arrivals.
struct ArrivalLimits {
  absl::Duration warm_up;
  // How long the load is measured after the warm-up.
  absl::Duration measured;
  // The largest number of measured arrivals.
  uint64_t max_measured = 0;
};

// The largest number of arrivals in memory, including the warm-up; 16 bytes each.
inline constexpr size_t kMaxArrivals = 20'000'000;

// Draws a Poisson process: independent, exponentially distributed gaps of mean 1 / `per_second`.
// INVALID_ARGUMENT if it has more than kMaxArrivals. REQUIRES: per_second > 0.
absl::StatusOr<Arrivals> DrawPoissonArrivals(double per_second, const ArrivalLimits& limits,
                                             uint64_t seed);

// Reads recorded arrivals: one time in seconds per line (number_lines.h), counted from the first.
// INVALID_ARGUMENT, with its index, if a time is less than the one before; also if `text` does not
// hold such numbers or holds more than kMaxArrivals.
absl::StatusOr<Arrivals> ParseArrivals(absl::string_view text, const ArrivalLimits& limits);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_ARRIVALS_H_
