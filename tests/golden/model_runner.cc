// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/golden/model_runner.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "core/base/aligned_buffer.h"
#include "core/model/workspace.h"

namespace rnnserve::testing {
namespace {

using Values = std::vector<std::vector<float>>;

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool AllSameBits(const Values& a, const Values& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameBits);
}

Values RowOf(const Values& all, int64_t row, int64_t batch) {
  Values rows;
  for (const std::vector<float>& values : all) {
    const int64_t size = static_cast<int64_t>(values.size()) / batch;
    rows.emplace_back(values.begin() + row * size, values.begin() + (row + 1) * size);
  }
  return rows;
}

// A run of some rows of a case on a model.
class Run {
 public:
  Run(const Model& model, const GoldenCase& golden, int64_t first_row, int64_t num_rows)
      : model_(model),
        golden_(golden),
        first_row_(first_row),
        num_rows_(num_rows),
        inputs_(InputsInOrder()),
        workspace_(model, num_rows, Times()),
        outputs_(model.outputs().size(), Values(static_cast<size_t>(num_rows))) {
    for (int64_t b = 0; b < num_rows; ++b) {
      const AlignedBuffer block = InitialBlock(first_row + b);
      std::copy_n(block.data(), block.size(), workspace_.states().column(b));
    }
  }

  // Computes all timesteps.
  void RunAll() {
    for (size_t i = 0; i < inputs_.size(); ++i) FillInput(i, 0);
    Compute(/*is_last=*/true);
  }

  // Computes the timesteps [begin, begin + length) of all inputs that have a time axis. The states
  // that the model computes from the other inputs apply to the first part only.
  void RunPart(int64_t begin, int64_t length) {
    std::vector<int64_t> times;
    for (const Model::Input& input : model_.inputs()) {
      times.push_back(input.spec.has_time ? length : 1);
    }
    workspace_.SetTimes(times);
    for (int64_t b = 0; b < num_rows_; ++b) workspace_.BeginAtComputedStates(b, begin == 0);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      FillInput(i, model_.inputs()[i].spec.has_time ? begin : 0);
    }
    Compute(begin + length == Times()[model_.time_input()]);
  }

  ModelResult Result() {
    ModelResult result;
    for (const Values& rows : outputs_) {
      std::vector<float>& output = result.outputs.emplace_back();
      for (const auto& row : rows) output.insert(output.end(), row.begin(), row.end());
    }
    for (const StateLayout::Tensor& tensor : model_.state_layout().tensors) {
      std::vector<float>& state = result.states.emplace_back();
      for (int64_t b = 0; b < num_rows_; ++b) {
        const float* const values = workspace_.states().column(b) + tensor.offset;
        state.insert(state.end(), values, values + tensor.size);
      }
    }
    return result;
  }

 private:
  // Returns the inputs of the case in the order of the model's inputs.
  std::vector<const GoldenInput*> InputsInOrder() const {
    std::vector<const GoldenInput*> inputs;
    for (const Model::Input& wanted : model_.inputs()) {
      for (const GoldenInput& input : golden_.inputs) {
        if (input.name.empty() || input.name == wanted.name) inputs.push_back(&input);
      }
    }
    if (inputs.size() != model_.inputs().size()) {
      std::cerr << "the case has other inputs than the model\n";
      std::abort();
    }
    return inputs;
  }

  std::vector<int64_t> Times() const {
    std::vector<int64_t> times;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      times.push_back(model_.inputs()[i].spec.has_time ? inputs_[i]->value.shape[1] : 1);
    }
    return times;
  }

  // Returns the state block of a row with the initial states of the case.
  AlignedBuffer InitialBlock(int64_t row) const {
    AlignedBuffer block = AlignedBuffer::CopyFrom(model_.initial_state());
    bool is_replaced = false;
    for (const StateLayout::Tensor& tensor : model_.state_layout().tensors) {
      for (const GoldenState& state : golden_.initial_state) {
        if (state.layer != tensor.layer || state.name != tensor.name) continue;
        std::copy_n(state.value.values.begin() + row * tensor.size, tensor.size,
                    block.data() + tensor.offset);
        is_replaced = true;
      }
    }
    if (is_replaced) model_.OnStatesReplaced(block.data());
    return block;
  }

  // Fills in the timesteps of input i from `begin` on, as many as the workspace has been set to.
  void FillInput(size_t i, int64_t begin) {
    const Sequence input = workspace_.input(i);
    const int64_t time = Times()[i];
    workspace_.UseMask(i, inputs_[i]->mask.has_value());
    for (int64_t b = 0; b < num_rows_; ++b) {
      for (int64_t t = 0; t < input.time; ++t) {
        const int64_t step = (first_row_ + b) * time + begin + t;
        std::copy_n(inputs_[i]->value.values.begin() + step * input.rows, input.rows,
                    input.At(t).column(b));
        if (!inputs_[i]->mask.has_value()) continue;
        workspace_.mask(i)[b * input.time + t] =
            inputs_[i]->mask->values[static_cast<size_t>(step)] != 0 ? 1 : 0;
      }
    }
  }

  void Compute(bool is_last) {
    model_.RunSequencePart(workspace_);
    if (is_last) model_.RunTail(workspace_);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (is_last || model_.outputs()[i].spec.has_time) Collect(i);
    }
  }

  void Collect(size_t i) {
    const ConstSequence output = model_.output(workspace_, i);
    for (int64_t t = 0; t < output.time; ++t) {
      for (int64_t b = 0; b < num_rows_; ++b) {
        const float* const values = output.At(t).column(b);
        auto& row = outputs_[i][static_cast<size_t>(b)];
        row.insert(row.end(), values, values + output.rows);
      }
    }
  }

  const Model& model_;
  const GoldenCase& golden_;
  const int64_t first_row_;
  const int64_t num_rows_;
  const std::vector<const GoldenInput*> inputs_;
  Workspace workspace_;
  std::vector<Values> outputs_;  // by output and row
};

}  // namespace

bool ModelResult::SameBitsAs(const ModelResult& other) const {
  return AllSameBits(outputs, other.outputs) && AllSameBits(states, other.states);
}

ModelResult ModelResult::Row(int64_t row, int64_t batch) const {
  return {RowOf(outputs, row, batch), RowOf(states, row, batch)};
}

ModelResult RunRows(const Model& model, const GoldenCase& golden, int64_t first_row,
                    int64_t num_rows) {
  Run run(model, golden, first_row, num_rows);
  run.RunAll();
  return run.Result();
}

ModelResult RunInParts(const Model& model, const GoldenCase& golden,
                       const std::vector<int64_t>& cuts) {
  Run run(model, golden, 0, golden.batch());
  int64_t begin = 0;
  for (const int64_t length : cuts) {
    run.RunPart(begin, length);
    begin += length;
  }
  return run.Result();
}

ModelResult RunWhole(const Model& model, const GoldenCase& golden) {
  return RunRows(model, golden, 0, golden.batch());
}

}  // namespace rnnserve::testing
