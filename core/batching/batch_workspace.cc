// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_workspace.h"

#include <algorithm>

#include "core/batching/copy_timestep.h"
#include "core/batching/finite.h"

namespace rnnserve {

BatchWorkspace::BatchWorkspace(const Model& model, int64_t max_rows, Team* team)
    : model_(model), workspace_(model, max_rows, {1}) {
  workspace_.set_team(team);
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

void BatchWorkspace::SetTimestep(int64_t row, const TensorView& input, const TensorView* mask,
                                 int64_t t) {
  CopyTimestep(input, t, model_.inputs().front().size, workspace_.input().At(0).column(row));
  workspace_.mask()[row] = mask == nullptr || mask->bytes[static_cast<size_t>(t)] != 0;
}

void BatchWorkspace::Step(bool with_output) {
  // A mask of ones is no mask: rows that have one cost the others nothing while it says nothing.
  const uint8_t* mask = workspace_.mask();
  const bool has_mask = std::find(mask, mask + rows_, 0) != mask + rows_;
  workspace_.UseMask(0, has_mask);
  model_.RunSequencePart(workspace_);
  if (with_output) model_.RunTail(workspace_);
}

absl::Span<const float> BatchWorkspace::output(int64_t row) {
  return {model_.output(workspace_).At(0).column(row),
          static_cast<size_t>(model_.outputs().front().size)};
}

bool BatchWorkspace::has_finite_state(int64_t row) {
  return AllStatesFinite(model_.state_layout(), workspace_.states().column(row));
}

}  // namespace rnnserve
