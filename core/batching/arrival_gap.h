// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_ARRIVAL_GAP_H_
#define RNNSERVE_CORE_BATCHING_ARRIVAL_GAP_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// The average time between arrivals, as a moving average over about the last 8 gaps. A gap counts
// as at most `longest`, so that a pause is soon forgotten. Starts at `longest`.
//
// Thread-safe. Arrivals at the same moment may count as one.
class ArrivalGap {
 public:
  explicit ArrivalGap(absl::Duration longest)
      : longest_ns_(absl::ToInt64Nanoseconds(longest)), average_ns_(longest_ns_) {}

  // Records an arrival and returns the average.
  absl::Duration OnArrival(absl::Time now) {
    const int64_t now_ns = absl::ToUnixNanos(now);
    const int64_t gap_ns = now_ns - last_ns_.exchange(now_ns, std::memory_order_relaxed);
    const int64_t before = average_ns_.load(std::memory_order_relaxed);
    const int64_t after = before + (std::clamp(gap_ns, int64_t{0}, longest_ns_) - before) / kWeight;
    average_ns_.store(after, std::memory_order_relaxed);
    return absl::Nanoseconds(after);
  }

 private:
  static constexpr int64_t kWeight = 8;

  const int64_t longest_ns_;
  std::atomic<int64_t> last_ns_{0};
  std::atomic<int64_t> average_ns_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_ARRIVAL_GAP_H_
