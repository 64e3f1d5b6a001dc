// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_
#define RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_

#include <cstdint>
#include <vector>

#include "core/model/model.h"
#include "tests/golden/golden_case.h"

namespace rnnserve::testing {

// The results of a model for a case: outputs [batch, (time,) ...] in the order of the model's
// outputs, and states [batch, ...] in the order of its state layout.
struct ModelResult {
  std::vector<std::vector<float>> outputs;
  std::vector<std::vector<float>> states;

  // Returns whether all bits are equal, not only the numbers.
  bool SameBitsAs(const ModelResult& other) const;
  // Returns the part of batch row `row`, which is what a run of that row alone should give.
  ModelResult Row(int64_t row, int64_t batch) const;
};

// Runs the rows [first_row, first_row + num_rows) of a case as one batch in one call.
ModelResult RunRows(const Model& model, const GoldenCase& golden, int64_t first_row,
                    int64_t num_rows);

// Runs all rows in one call for each length in `cuts`, keeping the states in between. REQUIRES: the
// model is streamable, and the lengths add up to the timesteps of the case, of which all inputs
// with a time axis have the same number.
ModelResult RunInParts(const Model& model, const GoldenCase& golden,
                       const std::vector<int64_t>& cuts);

// Runs all rows and all timesteps in one call.
ModelResult RunWhole(const Model& model, const GoldenCase& golden);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_
