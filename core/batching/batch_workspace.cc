// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_workspace.h"

#include <algorithm>

#include "core/batching/copy_timestep.h"
#include "core/batching/finite.h"

namespace rnnserve {

BatchWorkspace::BatchWorkspace(const Model& model, int64_t max_rows, int64_t most_timesteps,
                               Team* team)
    : model_(model),
      max_rows_(max_rows),
      most_timesteps_(most_timesteps),
      workspace_(model, Extents()),
      input_times_(InputTimes(1)) {
  workspace_.set_team(team);
}

std::vector<int64_t> BatchWorkspace::InputTimes(int64_t count) const {
  std::vector<int64_t> times;
  for (const Model::Input& input : model_.inputs())
    times.push_back(input.spec.has_time ? count : 1);
  return times;
}

std::vector<Workspace::Extent> BatchWorkspace::Extents() const {
  std::vector<Workspace::Extent> extents = {{max_rows_, InputTimes(1)}};
  for (int64_t rows = 1; rows <= std::min(kFewRows, max_rows_); ++rows) {
    extents.push_back({rows, InputTimes(MaxTimesteps(rows))});
  }
  return extents;
}

void BatchWorkspace::Join(absl::Span<const float> state) {
  workspace_.SetBatch(++rows_);
  std::copy(state.begin(), state.end(), workspace_.states().column(rows_ - 1));
}

void BatchWorkspace::CopyState(int64_t row, absl::Span<float> state) {
  std::copy_n(workspace_.states().column(row), state.size(), state.data());
}

void BatchWorkspace::Leave(int64_t row) {
  const Columns states = workspace_.states();
  const int64_t last = rows_ - 1;
  if (row != last) {
    std::copy_n(states.column(last), model_.state_layout().size, states.column(row));
  }
  rows_ = last;
  workspace_.SetBatch(rows_);
}

void BatchWorkspace::SetTimesteps(int64_t count) {
  timesteps_ = count;
  for (size_t k = 0; k < input_times_.size(); ++k) {
    if (model_.inputs()[k].spec.has_time) input_times_[k] = count;
  }
  workspace_.SetTimes(input_times_);
}

void BatchWorkspace::SetInputs(int64_t row, absl::Span<const StepInput> inputs, int64_t t) {
  workspace_.BeginAtComputedStates(row, t == 0);
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Model::Input& expected = model_.inputs()[k];
    const std::optional<TensorView>& mask = inputs[k].mask;
    const int64_t first = expected.spec.has_time ? t : 0;
    uint8_t* const mask_of_row = workspace_.mask(k) + row * input_times_[k];
    for (int64_t i = 0; i < input_times_[k]; ++i) {
      CopyTimestep(inputs[k].tensor, first + i, expected.size,
                   workspace_.input(k).At(i).column(row));
      mask_of_row[i] = !mask.has_value() || mask->bytes[static_cast<size_t>(first + i)] != 0;
    }
  }
}

void BatchWorkspace::Step(bool with_output) {
  // A mask of all ones counts as no mask, so a row with a mask slows the other rows down only when
  // one of its bits is zero.
  for (size_t k = 0; k < input_times_.size(); ++k) {
    const uint8_t* const mask = workspace_.mask(k);
    const uint8_t* const mask_end = mask + rows_ * input_times_[k];
    workspace_.UseMask(k, std::find(mask, mask_end, 0) != mask_end);
  }
  model_.RunSequencePart(workspace_);
  if (with_output) model_.RunTail(workspace_);
}

absl::Span<const float> BatchWorkspace::output(int64_t row, size_t k, int64_t i) {
  return {model_.output(workspace_, k).At(i).column(row),
          static_cast<size_t>(model_.outputs()[k].size)};
}

bool BatchWorkspace::has_finite_state(int64_t row) {
  return AllStatesFinite(model_.state_layout(), workspace_.states().column(row));
}

}  // namespace rnnserve
