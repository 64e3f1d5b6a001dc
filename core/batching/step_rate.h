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

// How long the cell steps of a model took lately: moving averages over about the last 8, one for
// each class of batch sizes, because a cell step of more rows takes longer. Zero where nothing is
// known.
//
// Thread-safe. Two workers that report a step at the same moment may count as one.
class StepRate {
 public:
  // The age after which an average is no longer used to refuse work. It may date from a bad moment,
  // and while all work is refused nothing would ever correct it.
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

  // Records that a worker that was never idle took `duration` from the end of one round to the end
  // of the next, which computed `rows` timesteps of rows, >= 1. This covers the cell steps and the
  // completions. If a team shared the cell steps, `duration` is the sum over its members.
  void OnRound(int64_t rows, absl::Duration duration) {
    Average(absl::ToInt64Nanoseconds(duration) / rows, row_ns_);
  }

  // Returns the duration of a cell step of about `rows` rows. If there was none within kMaxAge,
  // returns that of the next smaller size that has one: a lower bound.
  absl::Duration cell_step(int64_t rows, absl::Time now) const {
    const int64_t oldest_ns = absl::ToUnixNanos(now - kMaxAge);
    for (size_t i = IndexOf(rows) + 1; i-- > 0;) {
      const Size& size = sizes_[i];
      if (size.last_ns.load(std::memory_order_relaxed) >= oldest_ns) return Get(size.average_ns);
    }
    return absl::ZeroDuration();
  }
  // Returns the duration of a cell step of about `rows` rows, however long ago, and of no other
  // size.
  absl::Duration last_cell_step(int64_t rows) const {
    return Get(sizes_[IndexOf(rows)].average_ns);
  }
  // Returns what one timestep of one row adds to a worker's work: the duration of a round divided
  // by its timesteps of rows.
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
