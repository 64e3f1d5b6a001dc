// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/step_task.h"

#include <utility>

namespace rnnserve {

void Complete(std::unique_ptr<StepTask> task, absl::Status status) {
  StepTask::Completion completion = std::move(task->completion);
  completion(std::move(task), std::move(status));
}

QueueLoad LoadOf(const StepTask& task, const Model& model) {
  QueueLoad load = {1, task.num_timesteps - task.next_timestep,
                    model.StepOutputFloats(task.num_timesteps) * int64_t{sizeof(float)}};
  for (const StepInput& input : task.inputs) {
    load.bytes += static_cast<int64_t>(input.tensor.bytes.size());
    if (input.mask.has_value()) load.bytes += static_cast<int64_t>(input.mask->bytes.size());
  }
  return load;
}

}  // namespace rnnserve
