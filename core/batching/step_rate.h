// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_RATE_H_
#define RNNSERVE_CORE_BATCHING_STEP_RATE_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// How long the cell steps of a model took lately: moving averages in which the last 8 or so count.
// Zero before the first. Thread-safe; two workers that tell of a step at the same moment may count
// as one.
class StepRate {
 public:
  // A cell step of so many rows, >= 1, took so long.
  void OnCellStep(int64_t rows, absl::Duration duration) {
    const int64_t ns = absl::ToInt64Nanoseconds(duration);
    Average(ns, cell_step_ns_);
    Average(ns / rows, row_ns_);
  }

  // The time of a cell step, whatever its rows: no row's timestep is done sooner.
  absl::Duration cell_step() const { return Get(cell_step_ns_); }
  // The time of a cell step divided by its rows: what a timestep of a row adds to the work.
  absl::Duration row_timestep() const { return Get(row_ns_); }

 private:
  static void Average(int64_t ns, std::atomic<int64_t>& average) {
    const int64_t before = average.load(std::memory_order_relaxed);
    average.store(before == 0 ? ns : before + (ns - before) / 8, std::memory_order_relaxed);
  }
  static absl::Duration Get(const std::atomic<int64_t>& average) {
    return absl::Nanoseconds(average.load(std::memory_order_relaxed));
  }

  std::atomic<int64_t> cell_step_ns_{0};
  std::atomic<int64_t> row_ns_{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_RATE_H_
