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

  // The smallest latency that a fraction `q` of the values does not exceed, by nearest rank; zero
  // without values. REQUIRES: 0 < q <= 1.
  absl::Duration Quantile(double q) const;

 private:
  std::vector<absl::Duration> values_;
};

// Three digits and a unit: "850 us", "1.25 ms", "3.10 s".
std::string FormatLatency(absl::Duration latency);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_TEXT_LATENCIES_H_
