// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_RATE_H_
#define RNNSERVE_CORE_BATCHING_STEP_RATE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "core/batching/steady_average.h"

namespace rnnserve {

// How long the cell steps of a model have taken lately. Keeps a SteadyAverage for each class of
// batch sizes, because a cell step of more rows takes longer. An average that is used to refuse
// work is zero unless it is recent.
//
// Thread-safe. Two workers that report a step at the same moment may count as one.
class StepRate {
 public:
  // Records that a cell step of `rows` rows, >= 1, took `duration` and ended at `now`.
  void OnCellStep(int64_t rows, absl::Duration duration, absl::Time now) {
    sizes_[IndexOf(rows)].Add(duration, now);
  }

  // Records that a worker took `duration` from the end of one round to the end of the next at
  // `now`, without being idle in between, and that the second round advanced its rows by `rows`
  // timesteps in total, >= 1. The duration covers the cell steps and the completions. If a team
  // shared the cell steps, `duration` is the sum over its members.
  void OnRound(int64_t rows, absl::Duration duration, absl::Time now) {
    row_.Add(duration / rows, now);
  }

  // Returns the recent duration of a cell step of about `rows` rows. If there is none, returns that
  // of the next smaller size that has one, which is a lower bound.
  absl::Duration cell_step(int64_t rows, absl::Time now) const {
    for (size_t i = IndexOf(rows) + 1; i-- > 0;) {
      if (sizes_[i].is_recent(now)) return sizes_[i].last();
    }
    return absl::ZeroDuration();
  }
  // Returns the last known duration of a cell step of about `rows` rows, however old it is; zero if
  // there was none. Never uses another size.
  absl::Duration last_cell_step(int64_t rows) const { return sizes_[IndexOf(rows)].last(); }
  // Returns how long a worker has recently taken for one timestep of one row: the duration of a
  // round, divided by the total number of timesteps of its rows.
  absl::Duration row_timestep(absl::Time now) const { return row_.recent(now); }

 private:
  static constexpr size_t kNumSizes = 16;

  // Returns the class of a batch size: 1, 2, 3 to 4, 5 to 8, ... rows.
  static size_t IndexOf(int64_t rows) {
    const auto index = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(rows - 1)));
    return std::min(index, kNumSizes - 1);
  }

  std::array<SteadyAverage, kNumSizes> sizes_;
  SteadyAverage row_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_RATE_H_
