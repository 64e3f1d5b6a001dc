// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/cells/cell_run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/cells/cell_registry.h"
#include "tests/support/malloc_counter.h"

namespace rnnserve::testing {

nlohmann::json Serialized(const std::string& class_name, const nlohmann::json& config) {
  return {{"module", "keras.layers"},
          {"class_name", class_name},
          {"config", config},
          {"registered_name", nullptr}};
}

absl::StatusOr<std::unique_ptr<Cell>> CreateCell(const nlohmann::json& object,
                                                 const Shape& input_shape, WeightMap& weights) {
  return CellRegistry::BuiltIn().Create(KerasConfig(object, "layer 'rnn'"), input_shape, weights);
}

CellRun::CellRun(const Cell& cell, int64_t batch)
    : cell_(cell), batch_(batch), y_(cell.output_size(), batch) {
  for (size_t k = 0; k < cell.states().size(); ++k) {
    const int64_t size = cell.states()[k].shape.NumElements().value();
    states_.emplace_back(size, batch);
    for (int64_t b = 0; b < batch; ++b) {
      cell.InitialState(static_cast<int>(k),
                        {states_[k].columns().column(b), static_cast<size_t>(size)});
    }
  }
}

void CellRun::Step(const std::vector<std::vector<float>>& x) {
  ColumnBatch input(x);
  std::vector<ColumnBatch> next;
  std::vector<ConstColumns> state_views;
  std::vector<Columns> next_views;
  for (ColumnBatch& state : states_) {
    next.emplace_back(state.columns().rows, batch_);
    state_views.push_back(state.columns());
    next_views.push_back(next.back().columns());
  }
  std::vector<ConstColumns> constant_views;
  for (ColumnBatch& constant : constants_) constant_views.push_back(constant.columns());
  y_ = ColumnBatch(cell_.output_size(), batch_);
  AlignedBuffer scratch(cell_.scratch_size(batch_));
  const auto values = scratch.span();
  std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
  ColumnBatch prepared(cell_.prepared_rows(), batch_);
  cell_.Prepare(constant_views, prepared.columns(), scratch.data());

  const CellStep step{.x = input.columns(),
                      .state = state_views,
                      .constants = constant_views,
                      .y = y_.columns(),
                      .next_state = next_views,
                      .prepared = prepared.columns(),
                      .projection = {},
                      .scratch = scratch.data(),
                      .team = team_,
                      .training = training_};
  const MallocCounter counter;
  cell_.Step(step);
  allocations_ = counter.count();
  states_ = std::move(next);
}

void CellRun::set_state(int64_t b, size_t k, const std::vector<float>& values) {
  std::copy(values.begin(), values.end(), states_[k].columns().column(b));
}

std::vector<std::vector<std::vector<float>>> CountingSequences(int batch, int time, int features) {
  std::vector<std::vector<std::vector<float>>> sequences(static_cast<size_t>(batch));
  float next = 0.0f;
  for (auto& sequence : sequences) {
    sequence.resize(static_cast<size_t>(time));
    for (auto& timestep : sequence) {
      for (int i = 0; i < features; ++i) timestep.push_back(next++);
    }
  }
  return sequences;
}

}  // namespace rnnserve::testing
