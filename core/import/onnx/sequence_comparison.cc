// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/sequence_comparison.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

// Differences up to this part of the largest number are rounding.
constexpr float kTolerance = 1e-4f;

// The longest sequence that a whole graph is computed for. It is written out, step by step.
constexpr int64_t kComparedTimeMax = 128;

}  // namespace

std::vector<int64_t> ComparedLengths(int64_t fixed_time) {
  std::vector<int64_t> lengths = {5, 3};
  if (fixed_time > 1 && fixed_time <= kComparedTimeMax) lengths.insert(lengths.begin(), fixed_time);
  return lengths;
}

absl::Status TimeError(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnimplemented, "ONNX_TIME", text);
}

TimeView::TimeView(const Shape& shape, int axis) {
  if (axis < 0) {
    inner = shape.NumElements().value_or(0);
    return;
  }
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  time = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
}

std::vector<float> TimeView::Timestep(const std::vector<float>& values, int64_t t) const {
  std::vector<float> step;
  for (int64_t i = 0; i < outer; ++i) {
    const auto begin = values.begin() + (i * time + std::min(t, time - 1)) * inner;
    step.insert(step.end(), begin, begin + inner);
  }
  return step;
}

absl::StatusOr<int> TimeAxisOf(const std::string& output, const Shape& whole, const Shape& step) {
  int axis = -1;
  bool is_even = whole.rank() == step.rank();
  for (int i = 0; is_even && i < whole.rank(); ++i) {
    if (whole[i] == step[i]) continue;
    is_even = axis < 0 && step[i] == 1;
    axis = i;
  }
  if (is_even) return axis;
  return TimeError(absl::StrCat("output '", output, "' is ", whole.ToString(),
                                " for a sequence and ", step.ToString(), " for one timestep"));
}

absl::StatusOr<ProgramInterpreter> InterpreterOf(const ProgramBuilder::Result& built) {
  WeightTableSource weights(built.weights);
  return ProgramInterpreter::Create(built.program, weights);
}

std::vector<std::vector<float>> RandomInputs(const std::vector<SequencePrograms::Input>& inputs,
                                             int64_t length, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::vector<float>> all;
  for (const SequencePrograms::Input& input : inputs) {
    const auto most = static_cast<uint32_t>(input.time_axis < 0 ? length : 1);
    std::vector<float> values(static_cast<size_t>(input.whole_shape.NumElements().value_or(0)));
    for (float& value : values) {
      const auto any = static_cast<float>(random() % 4001) / 1000.0f - 2.0f;
      value = input.type == ElementType::kFloat32 ? any : static_cast<float>(random() % (most + 1));
    }
    all.push_back(std::move(values));
  }
  return all;
}

absl::Status CompareTimestep(const std::string& output, int64_t t,
                             const std::vector<float>& expected, const std::vector<float>& found) {
  float largest = 1.0f;
  for (float value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::abs(expected[i] - found[i]) <= kTolerance * largest) continue;
    return TimeError(absl::StrCat(
        "computed timestep by timestep, output '", output, "' is ", found[i], " at timestep ", t,
        ", but computed for the whole sequence it is ", expected[i],
        ": the model looks at other timesteps than those before, or depends on their number"));
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
