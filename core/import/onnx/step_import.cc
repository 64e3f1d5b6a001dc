// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/step_import.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/graph_converter.h"
#include "core/import/onnx/input_plan.h"
#include "core/import/onnx/npy_file.h"

namespace rnnserve {
namespace {

// Builds the program of one graph.
class StepImport {
 public:
  StepImport(const OnnxModel& model, const OnnxOptions& options)
      : model_(model), options_(options), converter_(model, builder_, nullptr) {}

  absl::StatusOr<ProgramBuilder::Result> Run(const std::map<std::string, std::string>& states);

 private:
  absl::Status AddInput(const InputPlan::Input& input);
  absl::Status AddState(const InputPlan::Input& input);
  // Adds an input whose last elements are put in front of the next frame.
  absl::StatusOr<BuiltValue> AddOverlapped(const InputPlan::Input& input, int64_t overlap);
  absl::Status SetInitialState(const InputPlan::Input& input, size_t state, const Shape& row);
  absl::Status AddOutput(const OnnxValueInfo& info, const BuiltValue& value);

  const OnnxModel& model_;
  const OnnxOptions& options_;
  ProgramBuilder builder_;
  GraphConverter converter_;
  InputPlan plan_;
  size_t num_states_ = 0;
  std::map<std::string, std::vector<size_t>> state_of_output_;
};

absl::StatusOr<BuiltValue> StepImport::AddOverlapped(const InputPlan::Input& input,
                                                     int64_t overlap) {
  const Shape row = RowShape(input.shape, input.batch_axis);
  // Axes of extent 1 in front do not matter: [1, 576] is a frame of 576.
  int axis = 0;
  while (axis + 1 < row.rank() && row[axis] == 1) ++axis;
  const int64_t extent = row[axis];
  if (overlap < 1 || overlap >= extent) {
    return InvalidArgument("MODEL_CONFIG",
                           absl::StrCat("the overlap of input '", input.name, "' is ", overlap,
                                        ", but must be from 1 to ", extent - 1,
                                        ", because the input has ", extent, " elements"));
  }
  std::vector<int64_t> extents(row.extents().begin(), row.extents().end());
  extents[static_cast<size_t>(axis)] = overlap;
  const std::string name = absl::StrCat(input.name, ".overlap");
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue before,
                            builder_.AddState(name, input.type, Shape(extents)));
  const size_t state = num_states_++;
  extents[static_cast<size_t>(axis)] = extent - overlap;
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue frame,
                            builder_.AddInput(input.name, input.type, Shape(extents)));
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue whole, builder_.Concat({before, frame}, axis));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue last,
                            builder_.Slice(whole, axis, extent - overlap, extent));
  RNNSERVE_RETURN_IF_ERROR(builder_.SetNextState(state, last));
  return whole;
}

absl::Status StepImport::AddInput(const InputPlan::Input& input) {
  const auto overlap = options_.overlap.find(input.name);
  BuiltValue row;
  if (overlap != options_.overlap.end()) {
    RNNSERVE_ASSIGN_OR_RETURN(row, AddOverlapped(input, overlap->second));
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(
        row, builder_.AddInput(input.name, input.type, RowShape(input.shape, input.batch_axis)));
  }
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue whole, builder_.Reshape(row, input.shape));
  converter_.Define(input.name, std::move(whole));
  return absl::OkStatus();
}

absl::Status StepImport::SetInitialState(const InputPlan::Input& input, size_t state,
                                         const Shape& row) {
  const auto initial = options_.initial_state.find(input.name);
  if (initial == options_.initial_state.end() || initial->second == "zeros") {
    return absl::OkStatus();
  }
  RNNSERVE_ASSIGN_OR_RETURN(OnnxTensor tensor, ReadNpyFile(initial->second));
  if (!(tensor.shape == row) && !(tensor.shape == input.shape)) {
    return InvalidArgument(
        "MODEL_WEIGHTS",
        absl::StrCat("'", initial->second, "' has the shape ", tensor.shape.ToString(),
                     ", but the state '", input.name, "' has ", input.shape.ToString()));
  }
  tensor.shape = row;
  return builder_.SetInitialState(state, BuiltValue(std::move(tensor)));
}

absl::Status StepImport::AddState(const InputPlan::Input& input) {
  const Shape row = RowShape(input.shape, input.batch_axis);
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue state, builder_.AddState(input.name, input.type, row));
  RNNSERVE_RETURN_IF_ERROR(SetInitialState(input, num_states_, row));
  state_of_output_[input.next].push_back(num_states_++);
  RNNSERVE_ASSIGN_OR_RETURN(BuiltValue whole, builder_.Reshape(state, input.shape));
  converter_.Define(input.name, std::move(whole));
  return absl::OkStatus();
}

absl::Status StepImport::AddOutput(const OnnxValueInfo& info, const BuiltValue& value) {
  RNNSERVE_ASSIGN_OR_RETURN(const int batch_axis,
                            OutputBatchAxis(info, value.shape(), options_, plan_.batch_symbols));
  RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                            builder_.Reshape(value, RowShape(value.shape(), batch_axis)));
  return builder_.AddOutput(info.name, row);
}

absl::Status CheckStatesNamed(const OnnxOptions& options,
                              const std::map<std::string, std::string>& states) {
  for (const auto& [name, path] : options.initial_state) {
    if (states.count(name) == 0) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("'initial_state' names '", name, "', which is no state"));
    }
  }
  for (const auto& [name, overlap] : options.overlap) {
    if (states.count(name) > 0 || options.set.count(name) > 0) {
      return InvalidArgument(
          "MODEL_CONFIG", absl::StrCat("'overlap' names '", name, "', which clients do not send"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ProgramBuilder::Result> StepImport::Run(
    const std::map<std::string, std::string>& states) {
  RNNSERVE_RETURN_IF_ERROR(CheckStatesNamed(options_, states));
  RNNSERVE_ASSIGN_OR_RETURN(plan_, PlanInputs(model_.graph, options_, states, TimeAxes()));
  for (const InputPlan::Input& input : plan_.inputs) {
    if (input.fixed.has_value()) {
      converter_.Define(input.name, BuiltValue(*input.fixed));
    } else {
      RNNSERVE_RETURN_IF_ERROR(input.next.empty() ? AddInput(input) : AddState(input));
    }
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<BuiltValue> outputs, converter_.Convert());
  const bool has_other_outputs = state_of_output_.size() < outputs.size();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OnnxValueInfo& info = model_.graph.outputs[i];
    const auto states_written = state_of_output_.find(info.name);
    // A model that returns nothing but its states returns those.
    if (states_written == state_of_output_.end() || !has_other_outputs) {
      RNNSERVE_RETURN_IF_ERROR(AddOutput(info, outputs[i]));
    }
    if (states_written == state_of_output_.end()) continue;
    for (size_t state : states_written->second) {
      const Shape row = builder_.state_shape(state);
      if (outputs[i].shape().NumElements() != row.NumElements()) {
        return InvalidArgument(
            "ONNX_STATES",
            absl::StrCat("'", info.name, "' has the shape ", outputs[i].shape().ToString(),
                         ", so it is not the next value of a state of ", row.ToString(),
                         "; --state tells which outputs are"));
      }
      RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue next, builder_.Reshape(outputs[i], row));
      RNNSERVE_RETURN_IF_ERROR(builder_.SetNextState(state, next));
    }
  }
  return builder_.Finish("the ONNX graph");
}

}  // namespace

absl::StatusOr<ProgramBuilder::Result> ImportStep(
    const OnnxModel& model, const OnnxOptions& options,
    const std::map<std::string, std::string>& states) {
  return StepImport(model, options).Run(states);
}

}  // namespace rnnserve
