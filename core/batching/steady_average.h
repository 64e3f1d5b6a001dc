// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEADY_AVERAGE_H_
#define RNNSERVE_CORE_BATCHING_STEADY_AVERAGE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// A moving average over about the last 8 durations, from which to judge whether work can be done in
// time. A thread that the operating system stalls measures a duration as long as the stall, which
// says nothing about the next one. If such a duration counted in full, the work that arrives next
// would be refused although the server is idle, and while all work is refused, nothing corrects the
// average. Therefore
//
//   1. a duration counts as at most kMaxGrowth times the average. So one of any length raises the
//      average by three eighths, and a stall of a thread on each of two cores doubles it, which the
//      margin of BatchScheduler absorbs. A lasting change is still followed: tenfold durations
//      after 8 of them, and stalls once they hit about a third of all durations.
//   2. the first kMinCount durations count as the shortest of them, and `recent` gives nothing
//      until there are so many.
//   3. after kMaxAge without a duration, the next one is a first one again, and `recent` gives
//      nothing.
//
// Without evidence, work is accepted: its own deadline bounds what a wrong guess costs.
//
// Thread-safe. Durations that two threads add at the same moment may count as one.
class SteadyAverage {
 public:
  static constexpr int64_t kMaxGrowth = 4;
  static constexpr int kMinCount = 4;
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);

  // Adds a duration that was measured until `now`.
  void Add(absl::Duration duration, absl::Time now) {
    const int64_t ns = absl::ToInt64Nanoseconds(duration);
    const int64_t now_ns = absl::ToUnixNanos(now);
    const int64_t last_ns = last_ns_.exchange(now_ns, std::memory_order_relaxed);
    const int64_t before = average_ns_.load(std::memory_order_relaxed);
    const int count = count_.load(std::memory_order_relaxed);
    if (now_ns - last_ns > absl::ToInt64Nanoseconds(kMaxAge)) {
      average_ns_.store(ns, std::memory_order_relaxed);
      count_.store(1, std::memory_order_relaxed);
    } else if (count < kMinCount) {
      average_ns_.store(std::min(before, ns), std::memory_order_relaxed);
      count_.store(count + 1, std::memory_order_relaxed);
    } else {
      const int64_t limit = kMaxGrowth * std::max(before, kShortestNs);
      average_ns_.store(before + (std::min(ns, limit) - before) / 8, std::memory_order_relaxed);
    }
  }

  // Returns whether the last duration is at most kMaxAge old and there were enough before it.
  bool is_recent(absl::Time now) const {
    return last_ns_.load(std::memory_order_relaxed) >= absl::ToUnixNanos(now - kMaxAge) &&
           count_.load(std::memory_order_relaxed) >= kMinCount;
  }
  // Returns the average; zero if it is not recent.
  absl::Duration recent(absl::Time now) const {
    return is_recent(now) ? last() : absl::ZeroDuration();
  }
  // Returns the average, however old it is and however few durations it has; zero if there were
  // none.
  absl::Duration last() const {
    return absl::Nanoseconds(average_ns_.load(std::memory_order_relaxed));
  }

 private:
  // An average below this grows as if it were this. Otherwise one of zero, which a coarse clock
  // measures, would never grow.
  static constexpr int64_t kShortestNs = 1000;

  std::atomic<int64_t> average_ns_{0};
  std::atomic<int64_t> last_ns_{INT64_MIN / 2};
  std::atomic<int> count_{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEADY_AVERAGE_H_
