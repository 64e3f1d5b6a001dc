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

// When the messages of an open loop are meant to leave: decided before the load begins, so that
// neither drawing them nor a slow server can move one.
namespace rnnserve::client {

// Times since the beginning of the load, ascending. Those before the end of the warm-up are not
// measured.
using Arrivals = std::vector<absl::Duration>;

// Where a list of arrivals ends.
struct ArrivalLimits {
  absl::Duration warm_up;
  // How long the load is measured after the warm-up.
  absl::Duration measured;
  // How many arrivals are measured at most.
  uint64_t max_measured = 0;
};

// The most arrivals that are held, warm-up included; 16 bytes each.
inline constexpr size_t kMaxArrivals = 20'000'000;

// A Poisson process: independent, exponentially distributed gaps of mean 1 / `per_second`.
// INVALID_ARGUMENT if that would be more than kMaxArrivals. REQUIRES: per_second > 0.
absl::StatusOr<Arrivals> DrawPoissonArrivals(double per_second, const ArrivalLimits& limits,
                                             uint64_t seed);

// Recorded ones, one time in seconds a line (number_lines.h), counted from the first.
// INVALID_ARGUMENT, with its index, if a time is less than the one before; if `text` is not such
// numbers; and if it holds more than kMaxArrivals.
absl::StatusOr<Arrivals> ParseArrivals(absl::string_view text, const ArrivalLimits& limits);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_ARRIVALS_H_
