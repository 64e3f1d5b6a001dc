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

// Cases that compare a layer with Keras 3.15.1 (TensorFlow). The inputs and weights follow a rule,
// so the tests contain only the results.
namespace rnnserve::testing {

// Returns an input whose values, in row-major order, are ((7 i + 3) mod 11 - 5) / 4 for i = first,
// first + 1, ... The second input of a layer begins at i = 5.
Values PatternX(int64_t batch, int64_t time, int64_t features, int64_t first = 0);
// Adds a weight whose element i, in row-major order, is w = ((5 i + 1) mod 9 - 4) / 8, or |w| + 0.5
// if the weight is a variance.
void AddPatternWeight(const std::string& name, const Shape& shape, WeightMap* weights);

struct KerasCase {
  std::string name;
  Json object;
  std::vector<ValueSpec> inputs;
  std::vector<int64_t> times;  // timesteps of each input in the run
  std::vector<std::pair<std::string, Shape>> weights;
  Values expected;  // [2][time][elements]
  std::vector<MaskBits> masks = {};
};

// Returns the name of the case for the list of tests and for messages.
inline std::string CaseName(const ::testing::TestParamInfo<KerasCase>& test) {
  return test.param.name;
}
void PrintTo(const KerasCase& test, std::ostream* out);

// Builds the layer of a case and expects the numbers of Keras from it and, if it can stream, the
// same bits from single timesteps.
void ExpectWhatKerasComputes(const KerasCase& test);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_LAYERS_KERAS_CASE_H_
