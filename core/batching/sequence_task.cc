// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/sequence_task.h"

#include <algorithm>
#include <utility>

namespace rnnserve {

void Complete(std::unique_ptr<SequenceTask> task, absl::Status status) {
  SequenceTask::Completion completion = std::move(task->completion);
  completion(std::move(task), std::move(status));
}

QueueLoad LoadOf(const SequenceTask& task) {
  QueueLoad load;
  load.rows = task.num_rows();
  for (const SequenceTask::Input& input : task.inputs) {
    load.timesteps = std::max(load.timesteps, load.rows * input.time);
    load.bytes += static_cast<int64_t>(input.tensor.bytes.size());
    if (input.mask.has_value()) load.bytes += static_cast<int64_t>(input.mask->bytes.size());
  }
  return load;
}

}  // namespace rnnserve
