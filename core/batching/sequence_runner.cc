// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/sequence_runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/batching/copy_timestep.h"
#include "core/batching/finite.h"
#include "core/model/workspace.h"

namespace rnnserve {
namespace {

// Puts the whole task into the workspace.
void Pack(const Model& model, const SequenceTask& task, Workspace& workspace) {
  const int64_t batch = task.num_rows();
  const int64_t time = task.num_timesteps();
  const Sequence input = workspace.input(batch, time);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t t = 0; t < time; ++t) {
      CopyTimestep(task.input, b * time + t, model.input_size(), input.At(t).column(b));
    }
    const auto state = task.states[static_cast<size_t>(b)].block();
    std::copy(state.begin(), state.end(), workspace.states(batch).column(b));
  }
  if (task.mask.has_value()) {
    std::copy(task.mask->bytes.begin(), task.mask->bytes.end(), workspace.mask());
  }
}

// Takes outputs and states out of the workspace. Error: STATE_NONFINITE, naming the first row.
absl::Status Unpack(const Model& model, Workspace& workspace, SequenceTask& task) {
  const int64_t batch = task.num_rows();
  const int64_t time = model.returns_sequences() ? task.num_timesteps() : 1;
  const int64_t size = model.output_size();
  const ConstSequence output = model.output(workspace, batch, task.num_timesteps());
  task.output.resize(static_cast<size_t>(batch * time * size));
  for (int64_t b = 0; b < batch; ++b) {
    float* row = task.output.data() + b * time * size;
    for (int64_t t = 0; t < time; ++t) {
      std::copy_n(output.At(t).column(b), size, row + t * size);
    }
    const float* state = workspace.states(batch).column(b);
    if (!AllFinite({row, static_cast<size_t>(time * size)}) ||
        !AllStatesFinite(model.state_layout(), state)) {
      return FailedPrecondition(
          "STATE_NONFINITE",
          absl::StrCat("row ", b, " of ", batch, " makes a state or output that is not finite"));
    }
    const auto block = task.states[static_cast<size_t>(b)].block();
    std::copy_n(state, block.size(), block.begin());
  }
  return absl::OkStatus();
}

}  // namespace

void SequenceRunner::Run(std::unique_ptr<SequenceTask> task) const {
  absl::Status status = Compute(*task);
  SequenceTask::Completion completion = std::move(task->completion);
  completion(std::move(task), std::move(status));
}

absl::Status SequenceRunner::Compute(SequenceTask& task) const {
  const absl::Time begin = clock_.Now();
  RNNSERVE_RETURN_IF_ERROR(CheckStillWanted(task.limits, begin));
  Workspace workspace(model_, task.num_rows(), task.num_timesteps());
  Pack(model_, task, workspace);
  model_.RunSequencePart(workspace, task.num_rows(), task.num_timesteps(), task.mask.has_value());
  model_.RunTail(workspace, task.num_rows());
  RNNSERVE_RETURN_IF_ERROR(Unpack(model_, workspace, task));
  const absl::Duration computed = clock_.Now() - begin;
  for (int64_t b = 0; b < task.num_rows(); ++b) {
    observer_.OnStep(task.num_timesteps(), begin - task.submitted, computed);
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
