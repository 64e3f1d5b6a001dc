// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/sequence_import.h"

#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/import/onnx/sequence_comparison.h"
#include "core/import/onnx/step_import.h"
#include "core/program/program_interpreter.h"

namespace rnnserve {
namespace {

// Compares the program of a step with that of a whole sequence on random inputs.
absl::Status Compare(const SequencePrograms& programs, int64_t length, uint32_t seed) {
  RNNSERVE_ASSIGN_OR_RETURN(const ProgramInterpreter whole, InterpreterOf(programs.whole));
  RNNSERVE_ASSIGN_OR_RETURN(const ProgramInterpreter step, InterpreterOf(programs.step));
  ProgramInterpreter::Row sequence;
  sequence.inputs = RandomInputs(programs.inputs, length, seed);
  std::vector<TimeView> views;
  for (const SequencePrograms::Input& input : programs.inputs) {
    views.emplace_back(input.whole_shape, input.time_axis);
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
      RNNSERVE_RETURN_IF_ERROR(CompareTimestep(output.name, t, values, found.outputs[i]));
    }
    row.states = std::move(found.next_states);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProgramBuilder::Result> ImportSequence(const OnnxModel& model,
                                                      const OnnxOptions& options,
                                                      int64_t fixed_time) {
  ProgramBuilder::Result step;
  for (int64_t length : ComparedLengths(fixed_time)) {
    RNNSERVE_ASSIGN_OR_RETURN(SequencePrograms programs,
                              ImportSequencePrograms(model, options, length));
    for (SequencePrograms::Output& output : programs.outputs) {
      RNNSERVE_ASSIGN_OR_RETURN(output.time_axis,
                                TimeAxisOf(output.name, output.whole_shape, output.step_shape));
    }
    for (uint32_t seed = 1; seed <= kComparedSequences; ++seed) {
      RNNSERVE_RETURN_IF_ERROR(Compare(programs, length, seed));
    }
    step = std::move(programs.step);
  }
  return step;
}

}  // namespace rnnserve
