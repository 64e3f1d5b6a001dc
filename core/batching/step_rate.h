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

// How long the cell steps of a model took lately: moving averages in which the last 8 or so count,
// one for about each size of a batch, as one of many rows takes longer. Zero where nothing is
// known. Thread-safe; two workers that tell of a step at the same moment may count as one.
class StepRate {
 public:
  // An average that nothing was added to for so long is not relied on when work is refused: it may
  // be that of a bad moment, and while all work is refused nothing would ever correct it.
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);

  // A cell step of so many rows, >= 1, took so long, until now.
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

  // A worker with work enough took so long from the end of one round of so many rows, >= 1, to that
  // of the next: a cell step, and the answers to those that are done. If a team shared the cell
  // step, the time of its members together.
  void OnRound(int64_t rows, absl::Duration duration) {
    Average(absl::ToInt64Nanoseconds(duration) / rows, row_ns_);
  }

  // The time of a cell step of about so many rows, or, if there was none within kMaxAge, of the
  // next smaller size of which there was one: no row's timestep is done sooner.
  absl::Duration cell_step(int64_t rows, absl::Time now) const {
    const int64_t oldest_ns = absl::ToUnixNanos(now - kMaxAge);
    for (size_t i = IndexOf(rows) + 1; i-- > 0;) {
      const Size& size = sizes_[i];
      if (size.last_ns.load(std::memory_order_relaxed) >= oldest_ns) return Get(size.average_ns);
    }
    return absl::ZeroDuration();
  }
  // The same, however long ago, and of this size alone.
  absl::Duration last_cell_step(int64_t rows) const {
    return Get(sizes_[IndexOf(rows)].average_ns);
  }
  // The time of a round divided by its rows: what a timestep of a row adds to the work of a worker.
  absl::Duration row_timestep() const { return Get(row_ns_); }

 private:
  // Of 1, 2, 3 to 4, 5 to 8 ... rows.
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
