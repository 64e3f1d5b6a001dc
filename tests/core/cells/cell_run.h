// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_CELLS_CELL_RUN_H_
#define RNNSERVE_TESTS_CORE_CELLS_CELL_RUN_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/team.h"
#include "core/cells/cell.h"
#include "tests/support/column_batch.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {

// Returns {"class_name": class_name, "config": config}, as Keras serializes an object.
nlohmann::json Serialized(const std::string& class_name, const nlohmann::json& config);

// Creates the built-in cell that `object` describes, as part of "layer 'rnn'".
absl::StatusOr<std::unique_ptr<Cell>> CreateCell(const nlohmann::json& object,
                                                 const Shape& input_shape, WeightMap& weights);

// Runs a cell step by step on a batch of states. Before each step all padding and all outputs are
// NaN, so that a test fails if a step reads padding or leaves an output unwritten. The cell must
// outlive it. Used by one thread at a time: the test's.
//
//   CellRun run(*cell, /*batch=*/1);     // the cell's initial states
//   run.set_state(0, 0, {0.5f, 0.25f});  // state 0 of row 0
//   run.Step({{1, 2, 3}});
//   EXPECT_THAT(run.y(0), ElementsAre(...));
class CellRun {
 public:
  CellRun(const Cell& cell, int64_t batch);

  // Runs one step with one row of input for each batch row. REQUIRES: x has as many rows as the
  // batch.
  void Step(const std::vector<std::vector<float>>& x);

  // Returns or sets state `k` of batch row `b`.
  std::vector<float> state(int64_t b, size_t k) const { return states_[k].values(b); }
  void set_state(int64_t b, size_t k, const std::vector<float>& values);
  // Adds an external constant, one row for each batch row. Required if the cell takes constants.
  void add_constant(const std::vector<std::vector<float>>& rows) { constants_.emplace_back(rows); }
  // Runs the following steps in training. `training` must outlive them.
  void set_training(const TrainingRun* training) { training_ = training; }
  // Shares large steps with a team from now on. The team must outlive them.
  void set_team(Team* team) { team_ = team; }
  // Returns the output of the last step.
  std::vector<float> y(int64_t b) const { return y_.values(b); }
  // Returns the number of heap allocations of the last step.
  int64_t allocations() const { return allocations_; }

 private:
  const Cell& cell_;
  const int64_t batch_;
  std::vector<ColumnBatch> states_;
  std::vector<ColumnBatch> constants_;
  ColumnBatch y_;
  int64_t allocations_ = 0;
  const TrainingRun* training_ = nullptr;
  Team* team_ = nullptr;
};

// Returns the sequence 0, 1, 2, ..., which Keras' own tests use as input, divided into batch rows
// of timesteps of features: element [b][t].
std::vector<std::vector<std::vector<float>>> CountingSequences(int batch, int time, int features);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_CELLS_CELL_RUN_H_
