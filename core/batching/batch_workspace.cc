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
      workspace_(model, Extents()) {
  workspace_.set_team(team);
}

std::vector<Workspace::Extent> BatchWorkspace::Extents() const {
  std::vector<Workspace::Extent> extents = {{max_rows_, {1}}};
  for (int64_t rows = 1; rows <= std::min(kFewRows, max_rows_); ++rows) {
    extents.push_back({rows, {MaxTimesteps(rows)}});
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
  workspace_.SetTimes({count});
}

void BatchWorkspace::SetInput(int64_t row, const TensorView& input, const TensorView* mask,
                              int64_t t) {
  const int64_t size = model_.inputs().front().size;
  uint8_t* const mask_of_row = workspace_.mask() + row * timesteps_;
  for (int64_t i = 0; i < timesteps_; ++i) {
    CopyTimestep(input, t + i, size, workspace_.input().At(i).column(row));
    mask_of_row[i] = mask == nullptr || mask->bytes[static_cast<size_t>(t + i)] != 0;
  }
}

void BatchWorkspace::Step(bool with_output) {
  // A mask of all ones counts as no mask, so a row with a mask slows the other rows down only when
  // one of its bits is zero.
  const uint8_t* const mask = workspace_.mask();
  const uint8_t* const mask_end = mask + rows_ * timesteps_;
  workspace_.UseMask(0, std::find(mask, mask_end, 0) != mask_end);
  model_.RunSequencePart(workspace_);
  if (with_output) model_.RunTail(workspace_);
}

absl::Span<const float> BatchWorkspace::output(int64_t row, int64_t i) {
  return {model_.output(workspace_).At(i).column(row),
          static_cast<size_t>(model_.outputs().front().size)};
}

bool BatchWorkspace::has_finite_state(int64_t row) {
  return AllStatesFinite(model_.state_layout(), workspace_.states().column(row));
}

}  // namespace rnnserve
