// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/golden/model_runner.h"

#include <algorithm>
#include <cstring>

#include "core/base/aligned_buffer.h"
#include "core/model/workspace.h"

namespace rnnserve::testing {
namespace {

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> RowOf(const std::vector<float>& values, int64_t row, int64_t batch) {
  const int64_t size = static_cast<int64_t>(values.size()) / batch;
  return {values.begin() + row * size, values.begin() + (row + 1) * size};
}

// The state block of a row as the case wants it to begin.
AlignedBuffer InitialBlock(const Model& model, const GoldenCase& golden, int64_t row) {
  AlignedBuffer block = AlignedBuffer::CopyFrom(model.initial_state());
  bool is_replaced = false;
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    for (const GoldenState& state : golden.initial_state) {
      if (state.layer != tensor.layer || state.name != tensor.name) continue;
      std::copy_n(state.value.values.begin() + row * tensor.size, tensor.size,
                  block.data() + tensor.offset);
      is_replaced = true;
    }
  }
  if (is_replaced) model.OnStatesReplaced(block.data());
  return block;
}

// Fills in timesteps [begin, begin + length) of the rows.
void FillInput(const GoldenCase& golden, int64_t first_row, int64_t num_rows, int64_t begin,
               int64_t length, Workspace& workspace) {
  const Sequence input = workspace.input(num_rows, length);
  for (int64_t b = 0; b < num_rows; ++b) {
    for (int64_t t = 0; t < length; ++t) {
      const int64_t step = (first_row + b) * golden.time() + begin + t;
      std::copy_n(golden.inputs.values.begin() + step * input.rows, input.rows,
                  input.At(t).column(b));
      if (!golden.mask.has_value()) continue;
      workspace.mask()[b * length + t] =
          golden.mask->values[static_cast<size_t>(step)] != 0 ? 1 : 0;
    }
  }
}

}  // namespace

bool ModelResult::SameBitsAs(const ModelResult& other) const {
  return SameBits(outputs, other.outputs) &&
         std::equal(states.begin(), states.end(), other.states.begin(), other.states.end(),
                    SameBits);
}

ModelResult ModelResult::Row(int64_t row, int64_t batch) const {
  ModelResult result{RowOf(outputs, row, batch), {}};
  for (const std::vector<float>& state : states) result.states.push_back(RowOf(state, row, batch));
  return result;
}

ModelResult RunCase(const Model& model, const GoldenCase& golden, int64_t first_row,
                    int64_t num_rows, const std::vector<int64_t>& cuts) {
  Workspace workspace(model, num_rows, golden.time());
  const Columns states = workspace.states(num_rows);
  for (int64_t b = 0; b < num_rows; ++b) {
    const AlignedBuffer block = InitialBlock(model, golden, first_row + b);
    std::copy_n(block.data(), block.size(), states.column(b));
  }
  std::vector<std::vector<float>> row_outputs(static_cast<size_t>(num_rows));
  int64_t begin = 0;
  for (const int64_t length : cuts) {
    FillInput(golden, first_row, num_rows, begin, length, workspace);
    model.RunSequencePart(workspace, num_rows, length, golden.mask.has_value());
    begin += length;
    if (!model.returns_sequences() && begin < golden.time()) continue;
    model.RunTail(workspace, num_rows);
    const ConstSequence output = model.output(workspace, num_rows, length);
    for (int64_t t = 0; t < output.time; ++t) {
      for (int64_t b = 0; b < num_rows; ++b) {
        const float* const values = output.At(t).column(b);
        auto& row = row_outputs[static_cast<size_t>(b)];
        row.insert(row.end(), values, values + output.rows);
      }
    }
  }
  ModelResult result;
  for (const auto& row : row_outputs) {
    result.outputs.insert(result.outputs.end(), row.begin(), row.end());
  }
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    std::vector<float>& state = result.states.emplace_back();
    for (int64_t b = 0; b < num_rows; ++b) {
      const float* const values = states.column(b) + tensor.offset;
      state.insert(state.end(), values, values + tensor.size);
    }
  }
  return result;
}

ModelResult RunWhole(const Model& model, const GoldenCase& golden) {
  return RunCase(model, golden, 0, golden.batch(), {golden.time()});
}

}  // namespace rnnserve::testing
