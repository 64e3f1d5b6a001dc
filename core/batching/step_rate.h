// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_RATE_H_
#define RNNSERVE_CORE_BATCHING_STEP_RATE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// How long the cell steps of a model have taken lately. Keeps a moving average over about the last
// 8 cell steps for each class of batch sizes, because a cell step of more rows takes longer. An
// average is zero while nothing is known.
//
// Thread-safe. Two workers that report a step at the same moment may count as one.
class StepRate {
 public:
  // An average older than this is no longer used to refuse work. It may have been measured at a bad
  // moment, and while it causes all work to be refused, no cell step can correct it.
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);

  // Records that a cell step of `rows` rows, >= 1, took `duration` and ended at `now`.
  void OnCellStep(int64_t rows, absl::Duration duration, absl::Time now) {
    const int64_t ns = absl::ToInt64Nanoseconds(duration);
    const int64_t now_ns = absl::ToUnixNanos(now);
    Size& size = sizes_[IndexOf(rows)];
    const int64_t last_ns = size.last_ns.exchange(now_ns, std::memory_order_relaxed);
    if (now_ns - last_ns > absl::ToInt64Nanoseconds(kMaxAge)) {
      size.average_ns.store(ns, std::memory_order_relaxed);
    } else {
      Average(ns, size.average_ns);
    }
  }

  // Records that a worker took `duration` from the end of one round to the end of the next, without
  // being idle in between, and that the second round advanced its rows by `rows` timesteps in
  // total, >= 1. The duration covers the cell steps and the completions. If a team shared the cell
  // steps, `duration` is the sum over its members.
  void OnRound(int64_t rows, absl::Duration duration) {
    Average(absl::ToInt64Nanoseconds(duration) / rows, row_ns_);
  }

  // Returns the duration of a cell step of about `rows` rows. If there was none within kMaxAge,
  // returns the duration for the next smaller size that has one, which is a lower bound.
  absl::Duration cell_step(int64_t rows, absl::Time now) const {
    const int64_t oldest_ns = absl::ToUnixNanos(now - kMaxAge);
    for (size_t i = IndexOf(rows) + 1; i-- > 0;) {
      const Size& size = sizes_[i];
      if (size.last_ns.load(std::memory_order_relaxed) >= oldest_ns) return Get(size.average_ns);
    }
    return absl::ZeroDuration();
  }
  // Returns the last known duration of a cell step of about `rows` rows, however old it is. Never
  // uses another size.
  absl::Duration last_cell_step(int64_t rows) const {
    return Get(sizes_[IndexOf(rows)].average_ns);
  }
  // Returns how long a worker takes for one timestep of one row: the duration of a round, divided
  // by the total number of timesteps of its rows.
  absl::Duration row_timestep() const { return Get(row_ns_); }

 private:
  // The average of one class of sizes: 1, 2, 3 to 4, 5 to 8, ... rows.
  struct Size {
    std::atomic<int64_t> average_ns{0};
    std::atomic<int64_t> last_ns{INT64_MIN / 2};
  };
  static constexpr size_t kNumSizes = 16;

  static size_t IndexOf(int64_t rows) {
    const auto index = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(rows - 1)));
    return std::min(index, kNumSizes - 1);
  }
  static void Average(int64_t ns, std::atomic<int64_t>& average) {
    const int64_t before = average.load(std::memory_order_relaxed);
    average.store(before == 0 ? ns : before + (ns - before) / 8, std::memory_order_relaxed);
  }
  static absl::Duration Get(const std::atomic<int64_t>& average) {
    return absl::Nanoseconds(average.load(std::memory_order_relaxed));
  }

  std::array<Size, kNumSizes> sizes_;
  std::atomic<int64_t> row_ns_{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_RATE_H_
