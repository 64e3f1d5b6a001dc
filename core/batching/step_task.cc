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
  const Model::Output& output = model.outputs().front();
  const int64_t num_outputs = output.spec.has_time ? task.num_timesteps() : 1;
  QueueLoad load = {1, task.num_timesteps() - task.next_timestep,
                    static_cast<int64_t>(task.input.bytes.size()) +
                        num_outputs * output.size * int64_t{sizeof(float)}};
  if (task.mask.has_value()) load.bytes += static_cast<int64_t>(task.mask->bytes.size());
  return load;
}

}  // namespace rnnserve
