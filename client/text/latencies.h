// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_TEXT_LATENCIES_H_
#define RNNSERVE_CLIENT_TEXT_LATENCIES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace rnnserve::client {

// Measured latencies and their quantiles.
//
// Keeps every value. Thread-compatible.
class Latencies {
 public:
  void Add(absl::Duration latency) { values_.push_back(latency); }

  size_t count() const { return values_.size(); }

  // Returns the smallest latency that a fraction `q` of the values does not exceed, by nearest
  // rank; zero if there are no values. REQUIRES: 0 < q <= 1.
  absl::Duration Quantile(double q) const;

 private:
  std::vector<absl::Duration> values_;
};

// Formats a latency with three digits and a unit: "850 us", "1.25 ms", "3.10 s".
std::string FormatLatency(absl::Duration latency);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_TEXT_LATENCIES_H_
