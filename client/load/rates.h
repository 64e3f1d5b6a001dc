// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_RATES_H_
#define RNNSERVE_CLIENT_LOAD_RATES_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

// The steps a second of the runs of a sweep: each above 0 and at most kMaxRate, kMaxRates of them.
inline constexpr double kMaxRate = 10'000'000;
inline constexpr size_t kMaxRates = 100;

// "1000,2000,5000", or "A:B:N" for N rates from A to B at equal distances. INVALID_ARGUMENT if it
// is neither, or out of range.
absl::StatusOr<std::vector<double>> ParseRates(absl::string_view text);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_RATES_H_
