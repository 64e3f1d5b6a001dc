// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/step/step_outputs.h"

#include <algorithm>
#include <utility>

#include "core/engine/checks/output_shape.h"

namespace rnnserve {
namespace {

// Returns the outputs of `num_rows` rows, whose values lie row by row.
StepOutputs Split(const Model& model, int64_t num_rows, int64_t time, FloatValues values) {
  StepOutputs outputs(model.outputs().size());
  if (outputs.size() == 1) {
    outputs.front().values = std::move(values);
    return outputs;
  }
  const int64_t row_size = model.StepOutputFloats(time);
  int64_t begin = 0;  // of the output, in a row
  for (size_t k = 0; k < outputs.size(); ++k) {
    const Model::Output& spec = model.outputs()[k];
    const int64_t size = (spec.spec.has_time ? time : 1) * spec.size;
    outputs[k].name = spec.name;
    outputs[k].values.resize(static_cast<size_t>(num_rows * size));
    for (int64_t row = 0; row < num_rows; ++row) {
      std::copy_n(values.data() + row * row_size + begin, size,
                  outputs[k].values.data() + row * size);
    }
    begin += size;
  }
  return outputs;
}

}  // namespace

Shape KeptShape(const Model& model, int64_t time) {
  if (model.outputs().size() > 1) return {model.StepOutputFloats(time)};
  return StepOutputShape(model.outputs().front(), time);
}

StepOutputs SplitOutputs(const Model& model, int64_t time, FloatValues values) {
  StepOutputs outputs = Split(model, 1, time, std::move(values));
  for (size_t k = 0; k < outputs.size(); ++k) {
    outputs[k].shape = StepOutputShape(model.outputs()[k], time);
  }
  return outputs;
}

StepOutputs SplitOutputsOfSessions(const Model& model, int64_t num_sessions, int64_t time,
                                   FloatValues values) {
  StepOutputs outputs = Split(model, num_sessions, time, std::move(values));
  for (size_t k = 0; k < outputs.size(); ++k) {
    outputs[k].shape = InferOutputShape(model.outputs()[k], num_sessions, time);
  }
  return outputs;
}

}  // namespace rnnserve
