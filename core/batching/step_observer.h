// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
#define RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve {

// Is told what the workers of one model compute. Calls come from worker threads, never under a
// lock, and must return soon. Thread-safe.
class StepObserver {
 public:
  virtual ~StepObserver() = default;

  // One cell step of `rows` rows was computed, in `duration`. A model that cannot stream has no
  // cell steps: its sequences are computed whole.
  virtual void OnCellStep(int64_t rows, absl::Duration duration) = 0;
  // One Step or one row of Infer was committed: how long it waited until its first timestep began,
  // and how long it was computed since.
  virtual void OnStep(int64_t timesteps, absl::Duration queued, absl::Duration computed) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
