// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_GOLDEN_GOLDEN_CASE_H_
#define RNNSERVE_TESTS_GOLDEN_GOLDEN_CASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/base/shape.h"
#include "core/model/model.h"
#include "tests/golden/error_table.h"

namespace rnnserve::testing {

// A tensor of a case file. Its elements are floats, whatever its dtype.
struct GoldenTensor {
  Shape shape;
  std::vector<float> values;
};

// A recurrent state of a case file, [batch, ...].
struct GoldenState {
  std::string layer;
  std::string name;
  GoldenTensor value;
};

// An input of a call.
struct GoldenInput {
  std::string name;  // of the InputLayer; empty if the model has only one input
  GoldenTensor value;
  std::optional<GoldenTensor> mask;
};

// One recorded call of a model, from a case*.json. README.md describes the files.
struct GoldenCase {
  std::vector<GoldenInput> inputs;
  std::vector<GoldenState> initial_state;
  std::vector<GoldenTensor> outputs;
  std::vector<GoldenState> states;
  Tolerance tolerance = kFloat32Tolerance;

  int64_t batch() const { return inputs.front().value.shape[0]; }
  // Returns the number of timesteps of the first input, which has a time axis in every case.
  int64_t time() const { return inputs.front().value.shape[1]; }
};

// The place of a case: "cases/gru_last", "case-mask.json".
struct GoldenPath {
  std::string folder;
  std::string file;

  // Returns a name that GoogleTest accepts: "gru_last_mask", "conformance_gru_0_1".
  std::string TestName() const;
};
std::ostream& operator<<(std::ostream& out, const GoldenPath& path);

// Returns every case below a folder next to this file, in the order of the names.
std::vector<GoldenPath> GoldenPaths(const std::string& folder);

// Returns the path of `file` in the folder of the case.
std::string FilePath(const GoldenPath& path, const std::string& file);

// Reads a case. Aborts if the file is not as README.md says.
GoldenCase ReadGoldenCase(const GoldenPath& path);

// Imports the model file of the folder, writes a bundle and loads it.
absl::StatusOr<std::shared_ptr<const Model>> ImportAndLoad(const GoldenPath& path);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_GOLDEN_GOLDEN_CASE_H_
