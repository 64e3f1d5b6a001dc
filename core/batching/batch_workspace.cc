// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_workspace.h"

#include <algorithm>

#include "core/batching/copy_timestep.h"
#include "core/batching/finite.h"

namespace rnnserve {

BatchWorkspace::BatchWorkspace(const Model& model, int64_t max_rows)
    : model_(model), workspace_(model, max_rows, 1) {}

void BatchWorkspace::Join(absl::Span<const float> state) {
  ++rows_;
  std::copy(state.begin(), state.end(), workspace_.states(rows_).column(rows_ - 1));
}

void BatchWorkspace::CopyState(int64_t row, absl::Span<float> state) {
  std::copy_n(workspace_.states(rows_).column(row), state.size(), state.data());
}

void BatchWorkspace::Leave(int64_t row) {
  const Columns states = workspace_.states(rows_);
  const int64_t last = rows_ - 1;
  if (row != last) {
    std::copy_n(states.column(last), model_.state_layout().size, states.column(row));
  }
  rows_ = last;
}

void BatchWorkspace::SetTimestep(int64_t row, const TensorView& input, const TensorView* mask,
                                 int64_t t) {
  CopyTimestep(input, t, model_.input_size(), workspace_.input(rows_, 1).At(0).column(row));
  workspace_.mask()[row] = mask == nullptr || mask->bytes[static_cast<size_t>(t)] != 0;
}

void BatchWorkspace::Step(bool with_output) {
  // A mask of ones is no mask: rows that have one cost the others nothing while it says nothing.
  const uint8_t* mask = workspace_.mask();
  const bool has_mask = std::find(mask, mask + rows_, 0) != mask + rows_;
  model_.RunSequencePart(workspace_, rows_, 1, has_mask);
  if (with_output) model_.RunTail(workspace_, rows_);
}

absl::Span<const float> BatchWorkspace::output(int64_t row) {
  return {model_.output(workspace_, rows_, 1).At(0).column(row),
          static_cast<size_t>(model_.output_size())};
}

bool BatchWorkspace::has_finite_state(int64_t row) {
  return AllStatesFinite(model_.state_layout(), workspace_.states(rows_).column(row));
}

}  // namespace rnnserve
