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

namespace rnnserve::testing {

// A tensor of a case file, its elements as floats whatever its dtype.
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

// One recorded call of a model: a case*.json. README.md describes the files.
struct GoldenCase {
  GoldenTensor inputs;
  std::optional<GoldenTensor> mask;
  std::vector<GoldenState> initial_state;
  GoldenTensor outputs;
  std::vector<GoldenState> states;
  // The model has two outputs, which rnnserve does not do.
  bool has_two_outputs = false;

  int64_t batch() const { return inputs.shape[0]; }
  int64_t time() const { return inputs.shape[1]; }
};

// Where a case stands: "cases/gru_last", "case-mask.json".
struct GoldenPath {
  std::string folder;
  std::string file;

  // A name that GoogleTest takes: "gru_last_mask".
  std::string TestName() const;
};
std::ostream& operator<<(std::ostream& out, const GoldenPath& path);

// Every case below a folder beside this file, in the order of the names.
std::vector<GoldenPath> GoldenPaths(const std::string& folder);

// The path of `file` in the folder of the case.
std::string FilePath(const GoldenPath& path, const std::string& file);

// Aborts if the file is not what README.md says.
GoldenCase ReadGoldenCase(const GoldenPath& path);

// Imports the `model.keras` of the folder, writes the bundle, loads it.
absl::StatusOr<std::shared_ptr<const Model>> ImportAndLoad(const GoldenPath& path);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_GOLDEN_GOLDEN_CASE_H_
