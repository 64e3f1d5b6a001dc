// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_
#define RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_

#include <cstdint>
#include <vector>

#include "core/model/model.h"
#include "tests/golden/golden_case.h"

namespace rnnserve::testing {

// What a model made of a case: outputs [batch, (time,) ...] in the order of the model's, and states
// [batch, ...] in the order of its state layout.
struct ModelResult {
  std::vector<std::vector<float>> outputs;
  std::vector<std::vector<float>> states;

  // The bits are the same, not only the numbers.
  bool SameBitsAs(const ModelResult& other) const;
  // What a run of batch row `row` alone would give.
  ModelResult Row(int64_t row, int64_t batch) const;
};

// Runs the rows [first_row, first_row + num_rows) of a case as one batch in one call.
ModelResult RunRows(const Model& model, const GoldenCase& golden, int64_t first_row,
                    int64_t num_rows);

// Runs all rows in as many calls as `cuts` has lengths, the states kept in between. REQUIRES: the
// model is streamable, and the lengths add up to the time of the case.
ModelResult RunInParts(const Model& model, const GoldenCase& golden,
                       const std::vector<int64_t>& cuts);

// All rows at once and all timesteps in one call.
ModelResult RunWhole(const Model& model, const GoldenCase& golden);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_GOLDEN_MODEL_RUNNER_H_
