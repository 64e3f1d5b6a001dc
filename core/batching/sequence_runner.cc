// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/sequence_runner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/batching/copy_timestep.h"
#include "core/batching/finite.h"
#include "core/model/workspace.h"

namespace rnnserve {
namespace {

// Copies inputs, masks, states and seeds of the task into the workspace.
void Pack(const Model& model, const SequenceTask& task, Workspace& workspace) {
  for (size_t i = 0; i < task.inputs.size(); ++i) {
    const SequenceTask::Input& given = task.inputs[i];
    const Sequence input = workspace.input(i);
    for (int64_t b = 0; b < input.batch; ++b) {
      for (int64_t t = 0; t < input.time; ++t) {
        CopyTimestep(given.tensor, b * input.time + t, model.inputs()[i].size,
                     input.At(t).column(b));
      }
    }
    if (given.mask.has_value()) {
      std::copy(given.mask->bytes.begin(), given.mask->bytes.end(), workspace.mask(i));
    }
    workspace.UseMask(i, given.mask.has_value());
  }
  workspace.SetTraining(task.row_seeds);
  for (int64_t b = 0; b < task.num_rows(); ++b) {
    const auto state = task.states[static_cast<size_t>(b)].block();
    std::copy(state.begin(), state.end(), workspace.states().column(b));
  }
}

absl::Status NotFiniteError(int64_t row, int64_t batch) {
  return FailedPrecondition(
      "STATE_NONFINITE",
      absl::StrCat("row ", row, " of ", batch, " makes a state or output that is not finite"));
}

// Copies one output out of the workspace. Error: STATE_NONFINITE, naming the first row that is not
// finite.
absl::Status UnpackOutput(ConstSequence output, std::vector<float>& values) {
  const int64_t row_size = output.time * output.rows;
  values.resize(static_cast<size_t>(output.batch * row_size));
  for (int64_t b = 0; b < output.batch; ++b) {
    float* row = values.data() + b * row_size;
    for (int64_t t = 0; t < output.time; ++t) {
      std::copy_n(output.At(t).column(b), output.rows, row + t * output.rows);
    }
    if (!AllFinite({row, static_cast<size_t>(row_size)})) return NotFiniteError(b, output.batch);
  }
  return absl::OkStatus();
}

// Copies outputs and states out of the workspace. Error: as for UnpackOutput.
absl::Status Unpack(const Model& model, Workspace& workspace, SequenceTask& task) {
  task.outputs.resize(model.outputs().size());
  for (size_t i = 0; i < task.outputs.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(UnpackOutput(model.output(workspace, i), task.outputs[i]));
  }
  for (int64_t b = 0; b < task.num_rows(); ++b) {
    const float* state = workspace.states().column(b);
    if (!AllStatesFinite(model.state_layout(), state)) return NotFiniteError(b, task.num_rows());
    const auto block = task.states[static_cast<size_t>(b)].block();
    std::copy_n(state, block.size(), block.begin());
  }
  return absl::OkStatus();
}

}  // namespace

void SequenceRunner::Run(std::unique_ptr<SequenceTask> task) const {
  absl::Status status = Compute(*task);
  Complete(std::move(task), std::move(status));
}

absl::Status SequenceRunner::Compute(SequenceTask& task) const {
  const absl::Time begin = clock_.Now();
  RNNSERVE_RETURN_IF_ERROR(CheckStillWanted(task.limits, begin));
  const std::vector<int64_t> times = task.times();
  Workspace workspace(model_, task.num_rows(), times);
  Pack(model_, task, workspace);
  model_.RunSequencePart(workspace);
  model_.RunTail(workspace);
  RNNSERVE_RETURN_IF_ERROR(Unpack(model_, workspace, task));
  const absl::Duration computed = clock_.Now() - begin;
  const int64_t num_timesteps = *std::max_element(times.begin(), times.end());
  observer_.OnSteps(std::vector<CommittedStep>(static_cast<size_t>(task.num_rows()),
                                               {num_timesteps, begin - task.submitted, computed}));
  return absl::OkStatus();
}

}  // namespace rnnserve
