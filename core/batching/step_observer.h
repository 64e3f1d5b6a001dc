// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
#define RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rnnserve {

// One Step or one row of Infer that was committed.
struct CommittedStep {
  int64_t timesteps = 0;
  absl::Duration queued;    // from its submission until its first timestep began
  absl::Duration computed;  // since then
};

// Is told what the workers of one model compute. Calls come from worker threads, never under a
// lock, and must return soon. Thread-safe.
class StepObserver {
 public:
  virtual ~StepObserver() = default;

  // One cell step of `rows` rows was computed, in `duration`. Of several that were computed at once
  // each is told, with its share of the time. A model that cannot stream has no cell steps: its
  // sequences are computed whole.
  virtual void OnCellStep(int64_t rows, absl::Duration duration) = 0;
  // These were committed after one cell step, or as one batch of whole sequences; at least one.
  virtual void OnSteps(absl::Span<const CommittedStep> steps) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
