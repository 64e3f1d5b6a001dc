// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_RATES_H_
#define RNNSERVE_CLIENT_LOAD_RATES_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

// The limits of a sweep: each rate, in steps per second, is above 0 and at most kMaxRate, and there
// are at most kMaxRates of them.
inline constexpr double kMaxRate = 10'000'000;
inline constexpr size_t kMaxRates = 100;

// Parses "1000,2000,5000", or "A:B:N" for N equally spaced rates from A to B. INVALID_ARGUMENT if
// the text is neither, or out of range.
absl::StatusOr<std::vector<double>> ParseRates(absl::string_view text);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_RATES_H_
