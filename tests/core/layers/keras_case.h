// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_LAYERS_KERAS_CASE_H_
#define RNNSERVE_TESTS_CORE_LAYERS_KERAS_CASE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/weight_map.h"

// Layers beside Keras: what Keras 3.15.1 (TensorFlow) computes for inputs and weights that a rule
// makes, so that only the results stand in the tests.
namespace rnnserve::testing {

// Of an array, row-major: ((7 i + 3) mod 11 - 5) / 4 for inputs (the second input of a layer begins
// at i = 5), ((5 i + 1) mod 9 - 4) / 8 for weights, and 0.5 more than its magnitude for variances.
Values PatternX(int64_t batch, int64_t time, int64_t features, int64_t first = 0);
void AddPatternWeight(const std::string& name, const Shape& shape, WeightMap* weights);

struct KerasCase {
  std::string name;
  Json object;
  std::vector<ValueSpec> inputs;
  std::vector<int64_t> times;  // of the run
  std::vector<std::pair<std::string, Shape>> weights;
  Values expected;  // [2][time][elements]
  std::vector<MaskBits> masks = {};
};

// Names the case in the list of tests and in messages.
inline std::string CaseName(const ::testing::TestParamInfo<KerasCase>& test) {
  return test.param.name;
}
void PrintTo(const KerasCase& test, std::ostream* out);

// Builds the layer of a case and expects of it: the numbers of Keras, and, if it can stream, the
// same bits in single timesteps.
void ExpectWhatKerasComputes(const KerasCase& test);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_LAYERS_KERAS_CASE_H_
