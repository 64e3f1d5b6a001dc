// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/infer/infer_states.h"

#include <cstdint>
#include <utility>

#include "core/base/status_macros.h"
#include "core/engine/checks/output_shape.h"

namespace rnnserve {

absl::StatusOr<std::vector<SessionState>> InitialStates(const Model& model, const InferCall& call) {
  const int64_t batch = call.inputs.front().tensor.shape[0];
  std::vector<SessionState> states;
  states.reserve(static_cast<size_t>(batch));
  for (int64_t row = 0; row < batch; ++row) {
    if (call.initial_state.empty()) {
      states.emplace_back(model);
    } else {
      RNNSERVE_ASSIGN_OR_RETURN(SessionState state,
                                SessionState::FromTensors(model, call.initial_state, batch, row));
      states.push_back(std::move(state));
    }
  }
  return states;
}

std::vector<StateValue> StackStates(const Model& model, absl::Span<const SessionState> rows) {
  std::vector<StateValue> stacked;
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    StateValue value{
        tensor.layer, tensor.name, Prepend({static_cast<int64_t>(rows.size())}, tensor.shape), {}};
    value.values.reserve(rows.size() * static_cast<size_t>(tensor.size));
    for (const SessionState& row : rows) {
      const float* begin = row.block().data() + tensor.offset;
      value.values.insert(value.values.end(), begin, begin + tensor.size);
    }
    stacked.push_back(std::move(value));
  }
  return stacked;
}

}  // namespace rnnserve
