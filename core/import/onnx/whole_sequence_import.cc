// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/whole_sequence_import.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/layered_model.h"
#include "core/import/onnx/sequence_comparison.h"
#include "core/import/onnx/step_import.h"
#include "core/model/model.h"

namespace rnnserve {
namespace {

using Inputs = std::vector<SequencePrograms::Input>;

// Runs the model on one row. `values` are those of the whole graph.
std::unique_ptr<Workspace> RunModel(const Model& model, const Inputs& inputs,
                                    const std::vector<std::vector<float>>& values, int64_t length) {
  std::vector<int64_t> times;
  for (const Model::Input& input : model.inputs())
    times.push_back(input.spec.has_time ? length : 1);
  auto workspace = std::make_unique<Workspace>(model, 1, times);
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const auto given = std::find_if(inputs.begin(), inputs.end(), [&](const auto& input) {
      return input.name == model.inputs()[i].name;
    });
    const TimeView view(given->whole_shape, given->time_axis);
    for (int64_t t = 0; t < times[i]; ++t) {
      const std::vector<float> timestep =
          view.Timestep(values[static_cast<size_t>(given - inputs.begin())], t);
      std::copy(timestep.begin(), timestep.end(), workspace->input(i).At(t).column(0));
    }
  }
  const absl::Span<const float> initial = model.initial_state();
  std::copy(initial.begin(), initial.end(), workspace->states().column(0));
  model.RunSequencePart(*workspace);
  model.RunTail(*workspace);
  return workspace;
}

absl::Status CompareOutput(const Model& model, Workspace& workspace,
                           const SequencePrograms::Output& output,
                           const std::vector<float>& expected) {
  size_t number = 0;
  while (model.outputs()[number].name != output.name) ++number;
  const ConstSequence found = model.output(workspace, number);
  const TimeView view(output.whole_shape, output.time_axis);
  if (found.time != view.time || found.rows != view.outer * view.inner) {
    return TimeError(absl::StrCat("output '", output.name, "' has ", found.time, " timesteps of ",
                                  found.rows, " numbers, but for the whole sequence it is ",
                                  output.whole_shape.ToString()));
  }
  for (int64_t t = 0; t < view.time; ++t) {
    const float* column = found.At(t).column(0);
    RNNSERVE_RETURN_IF_ERROR(CompareTimestep(output.name, t, view.Timestep(expected, t),
                                             std::vector<float>(column, column + found.rows)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Bundle> ImportWholeSequences(const OnnxModel& model, const OnnxOptions& options,
                                            const LayerRegistry& registry, int64_t fixed_time) {
  Bundle bundle;
  for (int64_t length : ComparedLengths(fixed_time)) {
    RNNSERVE_ASSIGN_OR_RETURN(SequenceBlocks sequence,
                              ImportSequenceBlocks(model, options, length));
    SequencePrograms& programs = sequence.programs;
    for (SequencePrograms::Output& output : programs.outputs) {
      RNNSERVE_ASSIGN_OR_RETURN(output.time_axis,
                                TimeAxisOf(output.name, output.whole_shape, output.step_shape));
    }
    RNNSERVE_ASSIGN_OR_RETURN(bundle, LayeredModel(sequence.blocks));
    RNNSERVE_ASSIGN_OR_RETURN(const auto built, BuildModel(bundle, registry));
    RNNSERVE_ASSIGN_OR_RETURN(const ProgramInterpreter whole, InterpreterOf(programs.whole));
    for (uint32_t seed = 1; seed <= kComparedSequences; ++seed) {
      ProgramInterpreter::Row row;
      row.inputs = RandomInputs(programs.inputs, length, seed);
      const auto workspace = RunModel(*built, programs.inputs, row.inputs, length);
      const ProgramInterpreter::Result expected = whole.Run(row);
      for (size_t i = 0; i < programs.outputs.size(); ++i) {
        RNNSERVE_RETURN_IF_ERROR(
            CompareOutput(*built, *workspace, programs.outputs[i], expected.outputs[i]));
      }
    }
  }
  return bundle;
}

}  // namespace rnnserve
