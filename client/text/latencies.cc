// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/text/latencies.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace rnnserve::client {

absl::Duration Latencies::Quantile(double q) const {
  if (values_.empty()) return absl::ZeroDuration();
  std::vector<absl::Duration> values = values_;
  const double rank = std::ceil(q * static_cast<double>(values.size()));
  const auto nth = values.begin() + static_cast<ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

std::string FormatLatency(absl::Duration latency) {
  const double us = absl::ToDoubleMicroseconds(latency);
  if (us < 999.5) return absl::StrFormat("%.0f us", us);
  if (us < 999.5e3)
    return absl::StrFormat("%.*f ms", us < 9.995e3 ? 2 : us < 99.95e3 ? 1 : 0, us / 1e3);
  return absl::StrFormat("%.2f s", us / 1e6);
}

}  // namespace rnnserve::client
