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

// {"class_name": class_name, "config": config}, as Keras serializes an object.
nlohmann::json Serialized(const std::string& class_name, const nlohmann::json& config);

// The built-in cell that `object` describes, standing in "layer 'rnn'".
absl::StatusOr<std::unique_ptr<Cell>> CreateCell(const nlohmann::json& object,
                                                 const Shape& input_shape, WeightMap& weights);

// A cell and a batch of its states, stepped by a test. Every padding and everything that a step has
// to write is NaN before it. The cell must outlive it. Used by one thread at a time: the test's.
//
//   CellRun run(*cell, /*batch=*/1);     // the cell's initial states
//   run.set_state(0, 0, {0.5f, 0.25f});  // state 0 of row 0
//   run.Step({{1, 2, 3}});
//   EXPECT_THAT(run.y(0), ElementsAre(...));
class CellRun {
 public:
  CellRun(const Cell& cell, int64_t batch);

  // One step with one row of input for each batch row. REQUIRES: as many rows as the batch.
  void Step(const std::vector<std::vector<float>>& x);

  // State `k` of batch row `b`.
  std::vector<float> state(int64_t b, size_t k) const { return states_[k].values(b); }
  void set_state(int64_t b, size_t k, const std::vector<float>& values);
  // The external constants, one row for each batch row. Needed by cells that take some.
  void add_constant(const std::vector<std::vector<float>>& rows) { constants_.emplace_back(rows); }
  // From now on steps are with training. `training` must outlive them.
  void set_training(const TrainingRun* training) { training_ = training; }
  // From now on large steps are shared with a team, which must outlive them.
  void set_team(Team* team) { team_ = team; }
  // The output of the last step.
  std::vector<float> y(int64_t b) const { return y_.values(b); }
  // The heap allocations that the last step made.
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

// The sequence 0, 1, 2, ... as batch rows of timesteps of features, as Keras' own tests feed it:
// element [b][t].
std::vector<std::vector<std::vector<float>>> CountingSequences(int batch, int time, int features);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_CELLS_CELL_RUN_H_
