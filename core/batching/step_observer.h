// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
#define RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rnnserve {

// A committed Step, or a committed row of Infer.
struct CommittedStep {
  int64_t timesteps = 0;
  absl::Duration queued;    // from the submission to the start of the first timestep
  absl::Duration computed;  // from then to the end of the last timestep
};

// Receives what the workers of one model compute. Calls come from worker threads and from threads
// that run inline; an implementation must return soon and must not block. Thread-safe.
class StepObserver {
 public:
  virtual ~StepObserver() = default;

  // One cell step of `rows` rows took `duration`. If several were computed at once, this is called
  // for each, with its share of the time. A model that cannot stream has no cell steps: its
  // sequences are computed whole.
  virtual void OnCellStep(int64_t rows, absl::Duration duration) = 0;
  // These steps were committed after one round of cell steps, or as one batch of whole sequences.
  // There is at least one.
  virtual void OnSteps(absl::Span<const CommittedStep> steps) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_OBSERVER_H_
