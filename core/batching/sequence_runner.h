// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_SEQUENCE_RUNNER_H_
#define RNNSERVE_CORE_BATCHING_SEQUENCE_RUNNER_H_

#include <memory>

#include "core/base/clock.h"
#include "core/batching/sequence_task.h"
#include "core/batching/step_observer.h"
#include "core/model/model.h"

namespace rnnserve {

// Computes SequenceTasks, each as a whole on a workspace made for it, and completes them.
//
// Immutable; safe to share. Clock, model and observer must outlive it.
class SequenceRunner {
 public:
  SequenceRunner(const Clock& clock, const Model& model, StepObserver& observer)
      : clock_(clock), model_(model), observer_(observer) {}

  // Computes and completes the task, or drops it if it is no longer wanted.
  void Run(std::unique_ptr<SequenceTask> task) const;

 private:
  absl::Status Compute(SequenceTask& task) const;

  const Clock& clock_;
  const Model& model_;
  StepObserver& observer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_SEQUENCE_RUNNER_H_
