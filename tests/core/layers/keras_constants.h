// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_LAYERS_KERAS_CONSTANTS_H_
#define RNNSERVE_TESTS_CORE_LAYERS_KERAS_CONSTANTS_H_

#include <cstdint>
#include <string>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/weight_map.h"

// The weights and inputs of Keras' own unit tests of its recurrent layers.
namespace rnnserve::testing {

// Adds the weights of a SimpleRNN, LSTM or GRU layer under names that begin with `prefix`. All
// values of a kernel are 0.01, of a recurrent kernel 0.02 and of a bias 0.03, except for the bias
// of the forget gate of an LSTM, which is 1 (unit_forget_bias).
void AddKerasWeights(const std::string& prefix, const std::string& class_name, int64_t features,
                     const Json& config, WeightMap* weights);

// Returns 0, 1, 2, ... as [batch, time, features].
Values KerasX364();
Values KerasX234();
Values KerasX243();

// Repeats each value for all units, which are equal with these weights: [batch][time] ->
// [batch][time][units].
Values AllUnits(const Table& numbers, size_t units);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_LAYERS_KERAS_CONSTANTS_H_
