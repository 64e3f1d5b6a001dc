// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/checks/step_inputs.h"

#include <optional>

#include "core/engine/checks/tensor_row.h"

namespace rnnserve {

StepInputs StepInputsOf(const NamedInputs& inputs) {
  StepInputs step;
  step.reserve(inputs.size());
  for (const NamedInput& input : inputs) step.push_back({input.tensor, input.mask});
  return step;
}

StepInputs RowOf(const NamedInputs& inputs, size_t row) {
  StepInputs rows;
  rows.reserve(inputs.size());
  for (const NamedInput& input : inputs) {
    rows.push_back({RowOf(input.tensor, row), std::nullopt});
    if (input.mask.has_value()) rows.back().mask = RowOf(*input.mask, row);
  }
  return rows;
}

int64_t TimestepsOf(const Model& model, absl::Span<const StepInput> inputs) {
  return inputs[model.time_input()].tensor.shape[0];
}

bool HaveSameTimesteps(const Model& model, const NamedInputs& inputs) {
  std::optional<int64_t> time;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!model.inputs()[i].spec.has_time) continue;
    const int64_t input_time = inputs[i].tensor.shape[1];
    if (input_time != time.value_or(input_time)) return false;
    time = input_time;
  }
  return true;
}

}  // namespace rnnserve
