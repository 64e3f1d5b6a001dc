// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/layers/keras_case.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

std::vector<RunInput> InputsOf(const KerasCase& test) {
  std::vector<RunInput> inputs;
  for (size_t k = 0; k < test.inputs.size(); ++k) {
    const int64_t features = test.inputs[k].shape.NumElements().value();
    inputs.push_back({PatternX(2, test.times[k], features, k == 0 ? 0 : 5)});
    if (k < test.masks.size()) inputs.back().mask = test.masks[k];
  }
  return inputs;
}

// Runs one timestep after the other, each from the states after the one before, and joins the
// outputs.
Values RunSteps(const Layer& layer, const std::vector<RunInput>& inputs) {
  Values joined(inputs[0].x.size());
  StateColumns states;
  size_t time = 1;
  for (const RunInput& input : inputs) time = std::max(time, input.x[0].size());
  for (size_t t = 0; t < time; ++t) {
    std::vector<RunInput> step;
    for (const RunInput& input : inputs) {
      const size_t at = input.x[0].size() == 1 ? 0 : t;
      step.push_back({Slice(input.x, at, at + 1)});
      if (!input.mask.empty()) step.back().mask = Slice(input.mask, at, at + 1);
    }
    PreparedRun run(layer, step, states);
    run.Run();
    const Values y = run.y();
    for (size_t b = 0; b < joined.size(); ++b) {
      if (!layer.output().has_time) joined[b].clear();
      for (const auto& timestep : y[b]) joined[b].push_back(timestep);
    }
    states = run.state_columns();
  }
  return joined;
}

}  // namespace

Values PatternX(int64_t batch, int64_t time, int64_t features, int64_t first) {
  Values x = Counting(batch, time, features);
  for (auto& row : x) {
    for (auto& timestep : row) {
      for (float& value : timestep) {
        const int64_t i = static_cast<int64_t>(value) + first;
        value = static_cast<float>((7 * i + 3) % 11 - 5) / 4.0f;
      }
    }
  }
  return x;
}

void AddPatternWeight(const std::string& name, const Shape& shape, WeightMap* weights) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements().value()));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<int>((5 * i + 1) % 9) - 4) / 8.0f;
    if (name.find("variance") != std::string::npos) values[i] = std::abs(values[i]) + 0.5f;
  }
  weights->Add(name, shape, values);
}

void PrintTo(const KerasCase& test, std::ostream* out) { *out << test.name; }

void ExpectWhatKerasComputes(const KerasCase& test) {
  WeightMap weights;
  for (const auto& [name, shape] : test.weights) AddPatternWeight(name, shape, &weights);
  const auto layer = Build(test.object, test.inputs, weights);
  ASSERT_THAT(layer, IsOk());
  const std::vector<RunInput> inputs = InputsOf(test);

  const Values y = RunMerge(**layer, inputs).y();

  EXPECT_THAT(y, NearValues(test.expected));
  if ((*layer)->can_stream()) {
    EXPECT_EQ(Bits(RunSteps(**layer, inputs)), Bits(y));
  }
}

}  // namespace rnnserve::testing
