// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/layers/keras_constants.h"

#include <algorithm>
#include <vector>

namespace rnnserve::testing {
namespace {

int64_t NumGates(const std::string& class_name) {
  if (class_name == "LSTM") return 4;
  return class_name == "GRU" ? 3 : 1;
}

}  // namespace

void AddKerasWeights(const std::string& prefix, const std::string& class_name, int64_t features,
                     const Json& config, WeightMap* weights) {
  const int64_t units = config["units"];
  const int64_t columns = NumGates(class_name) * units;
  weights->AddConstant(prefix + "kernel", {features, columns}, 0.01f);
  weights->AddConstant(prefix + "recurrent_kernel", {units, columns}, 0.02f);
  if (class_name == "GRU" && config.value("reset_after", true)) {
    weights->AddConstant(prefix + "bias", {2, columns}, 0.03f);
    return;
  }
  std::vector<float> bias(static_cast<size_t>(columns), 0.03f);
  if (class_name == "LSTM" && config.value("unit_forget_bias", true)) {
    std::fill_n(bias.begin() + units, units, 1.0f);
  }
  weights->Add(prefix + "bias", {columns}, bias);
}

Values KerasX364() { return Counting(3, 6, 4); }
Values KerasX234() { return Counting(2, 3, 4); }
Values KerasX243() { return Counting(2, 4, 3); }

Values AllUnits(const Table& numbers, size_t units) {
  Values values;
  for (const auto& row : numbers) {
    auto& timesteps = values.emplace_back();
    for (const float number : row) timesteps.emplace_back(units, number);
  }
  return values;
}

}  // namespace rnnserve::testing
