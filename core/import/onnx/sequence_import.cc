// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/sequence_import.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/step_import.h"
#include "core/program/program_interpreter.h"

namespace rnnserve {
namespace {

// Lengths of the sequences that are compared. Both differ from 1, and from each other.
constexpr int64_t kLengths[] = {5, 3};
// Differences up to this part of the largest number are rounding.
constexpr float kTolerance = 1e-4f;

absl::Status Differs(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnimplemented, "ONNX_TIME", text);
}

// A tensor of the whole graph, seen as timesteps.
struct TimeView {
  int64_t outer = 1;
  int64_t time = 1;
  int64_t inner = 1;

  TimeView(const Shape& shape, int axis) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    time = shape[axis];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }

  std::vector<float> Timestep(const std::vector<float>& values, int64_t t) const {
    std::vector<float> step;
    for (int64_t i = 0; i < outer; ++i) {
      const auto begin = values.begin() + (i * time + t) * inner;
      step.insert(step.end(), begin, begin + inner);
    }
    return step;
  }
};

// The axis that is as long as the sequence in one program and 1 in the other; -1 if there is none.
absl::StatusOr<int> TimeAxisOf(const std::string& output, const Shape& whole, const Shape& step) {
  int axis = -1;
  bool is_even = whole.rank() == step.rank();
  for (int i = 0; is_even && i < whole.rank(); ++i) {
    if (whole[i] == step[i]) continue;
    is_even = axis < 0 && step[i] == 1;
    axis = i;
  }
  if (is_even) return axis;
  return Differs(absl::StrCat("output '", output, "' is ", whole.ToString(), " for a sequence and ",
                              step.ToString(), " for one timestep"));
}

absl::StatusOr<ProgramInterpreter> Interpreter(const ProgramBuilder::Result& built) {
  WeightTableSource weights(built.weights);
  return ProgramInterpreter::Create(built.program, weights);
}

absl::Status CompareValues(const std::string& output, int64_t t, const std::vector<float>& expected,
                           const std::vector<float>& found) {
  float largest = 1.0f;
  for (float value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::abs(expected[i] - found[i]) <= kTolerance * largest) continue;
    return Differs(absl::StrCat(
        "computed timestep by timestep, output '", output, "' is ", found[i], " at timestep ", t,
        ", but computed for the whole sequence it is ", expected[i],
        ": the model looks at other timesteps than those before, or depends on their number"));
  }
  return absl::OkStatus();
}

// Compares the program of a step with that of a whole sequence on random inputs.
absl::Status Compare(const SequencePrograms& programs, int64_t length, uint32_t seed) {
  RNNSERVE_ASSIGN_OR_RETURN(const ProgramInterpreter whole, Interpreter(programs.whole));
  RNNSERVE_ASSIGN_OR_RETURN(const ProgramInterpreter step, Interpreter(programs.step));
  std::mt19937 random(seed);
  ProgramInterpreter::Row sequence;
  std::vector<TimeView> views;
  for (size_t i = 0; i < programs.inputs.size(); ++i) {
    const SequencePrograms::Input& input = programs.inputs[i];
    views.emplace_back(input.whole_shape, input.time_axis);
    std::vector<float> values(static_cast<size_t>(input.whole_shape.NumElements().value_or(0)));
    for (float& value : values) {
      const auto any = static_cast<float>(random() % 4001) / 1000.0f - 2.0f;
      value = input.type == ElementType::kFloat32 ? any : static_cast<float>(random() % 2);
    }
    sequence.inputs.push_back(std::move(values));
  }
  const ProgramInterpreter::Result expected = whole.Run(sequence);
  ProgramInterpreter::Row row;
  for (size_t k = 0; k < step.program().states.size(); ++k) {
    const Program::State& state = step.program().states[k];
    const auto size = step.program().values[state.value].shape.NumElements().value_or(0);
    const auto initial = programs.step.weights.find(state.initial);
    if (initial == programs.step.weights.end()) {
      row.states.emplace_back(static_cast<size_t>(size), 0.0f);
    } else {
      const absl::Span<const float> values = initial->second.values.span();
      row.states.emplace_back(values.begin(), values.end());
    }
  }
  for (int64_t t = 0; t < length; ++t) {
    row.inputs.clear();
    for (size_t i = 0; i < views.size(); ++i) {
      row.inputs.push_back(views[i].Timestep(sequence.inputs[i], t));
    }
    ProgramInterpreter::Result found = step.Run(row);
    for (size_t i = 0; i < programs.outputs.size(); ++i) {
      const SequencePrograms::Output& output = programs.outputs[i];
      const bool has_time = output.time_axis >= 0;
      if (!has_time && t + 1 < length) continue;
      const std::vector<float> values =
          has_time ? TimeView(output.whole_shape, output.time_axis).Timestep(expected.outputs[i], t)
                   : expected.outputs[i];
      RNNSERVE_RETURN_IF_ERROR(CompareValues(output.name, t, values, found.outputs[i]));
    }
    row.states = std::move(found.next_states);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProgramBuilder::Result> ImportSequence(const OnnxModel& model,
                                                      const OnnxOptions& options) {
  ProgramBuilder::Result step;
  for (int64_t length : kLengths) {
    RNNSERVE_ASSIGN_OR_RETURN(SequencePrograms programs,
                              ImportSequencePrograms(model, options, length));
    for (SequencePrograms::Output& output : programs.outputs) {
      RNNSERVE_ASSIGN_OR_RETURN(output.time_axis,
                                TimeAxisOf(output.name, output.whole_shape, output.step_shape));
    }
    for (uint32_t seed = 1; seed <= 3; ++seed) {
      RNNSERVE_RETURN_IF_ERROR(Compare(programs, length, seed));
    }
    step = std::move(programs.step);
  }
  return step;
}

}  // namespace rnnserve
