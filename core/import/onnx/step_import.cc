// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/step_import.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/graph_converter.h"
#include "core/import/onnx/input_plan.h"
#include "core/import/onnx/npy_file.h"
#include "core/import/onnx/recurrent_states.h"

namespace rnnserve {
namespace {

// Builds the program of one graph.
class StepImport {
 public:
  // `override_nodes` may be null. `takes_rows` says that inputs of RunSequence may lack a time axis.
  StepImport(const OnnxModel& model, const OnnxOptions& options,
             GraphConverter::Override* override_nodes = nullptr, bool takes_rows = false)
      : model_(model),
        options_(options),
        takes_rows_(takes_rows),
        converter_(model, builder_, override_nodes) {}

  absl::StatusOr<ProgramBuilder::Result> Run(const std::map<std::string, std::string>& states);

  // Imports a graph whose recurrence is inside the file, for sequences of that length. Inputs and
  // outputs keep their batch axis and time axis if `is_whole`; else they lose both, and the time
  // axis of an output is the one in which its shape differs from that in `whole_shapes`. Sets
  // `shapes` to the shapes of the outputs before they lose an axis.
  absl::StatusOr<ProgramBuilder::Result> RunSequence(int64_t length, bool is_whole,
                                                     const std::vector<Shape>& whole_shapes,
                                                     std::vector<Shape>& shapes);
  const InputPlan& plan() const { return plan_; }

 private:
  absl::Status AddInput(const InputPlan::Input& input);
  absl::Status AddState(const InputPlan::Input& input);
  // Adds an input whose last elements are put in front of the next frame.
  absl::StatusOr<BuiltValue> AddOverlapped(const InputPlan::Input& input, int64_t overlap);
  absl::Status SetInitialState(const InputPlan::Input& input, size_t state, const Shape& row);
  absl::Status AddOutput(const OnnxValueInfo& info, const BuiltValue& value);

  const OnnxModel& model_;
  const OnnxOptions& options_;
  const bool takes_rows_;
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

// Returns the shape without the time axis.
Shape WithoutTime(const Shape& shape, int time_axis) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  if (time_axis >= 0) extents.erase(extents.begin() + time_axis);
  return Shape(extents);
}

// Returns the first axis in which the shapes differ; -1 if there is none.
int FirstDifference(const Shape& a, const Shape& b) {
  for (int i = 0; i < a.rank() && i < b.rank(); ++i) {
    if (a[i] != b[i]) return i;
  }
  return -1;
}

// Returns the shape of a timestep of the input. A whole number alone, like a token id, has no axis.
// An input without a time axis is a list of numbers: with more axes, a model would take the first
// one for time.
Shape TimestepShape(const InputPlan::Input& input) {
  if (input.time_axis < 0) return Shape{input.shape.NumElements().value_or(0)};
  const bool is_behind = input.batch_axis > input.time_axis;
  const Shape row =
      RowShape(WithoutTime(input.shape, input.time_axis), input.batch_axis - (is_behind ? 1 : 0));
  return input.type == ElementType::kInt32 && row.NumElements() == 1 ? Shape() : row;
}

absl::StatusOr<ProgramBuilder::Result> StepImport::RunSequence(
    int64_t length, bool is_whole, const std::vector<Shape>& whole_shapes,
    std::vector<Shape>& shapes) {
  RNNSERVE_RETURN_IF_ERROR(CheckStatesNamed(options_, {}));
  RNNSERVE_ASSIGN_OR_RETURN(plan_, PlanInputs(model_.graph, options_, {}, {true, length}));
  const bool has_sequence =
      std::any_of(plan_.inputs.begin(), plan_.inputs.end(),
                  [](const InputPlan::Input& input) { return input.time_axis >= 0; });
  for (const InputPlan::Input& input : plan_.inputs) {
    if (input.fixed.has_value()) {
      converter_.Define(input.name, BuiltValue(*input.fixed));
      continue;
    }
    if (input.time_axis < 0 && !(takes_rows_ && has_sequence)) {
      return InvalidArgument(
          "ONNX_SHAPES",
          absl::StrCat("no axis of input '", input.name, "' ", input.shape.ToString(),
                       " is known to be time: --time-axis ", input.name,
                       "=AXIS; or the input is the same in all sequences: --set ", input.name,
                       "=VALUE"));
    }
    if (input.time_axis >= 0 && input.shape[input.time_axis] != length) {
      return InvalidArgument(
          "ONNX_SHAPES",
          absl::StrCat("input '", input.name, "' ", input.shape.ToString(), " has ",
                       input.shape[input.time_axis],
                       " timesteps in every sequence; export the model with an open time axis"));
    }
    const Shape row = is_whole ? input.shape : TimestepShape(input);
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue value,
                              builder_.AddInput(input.name, input.type, row));
    RNNSERVE_ASSIGN_OR_RETURN(BuiltValue whole, builder_.Reshape(value, input.shape));
    converter_.Define(input.name, std::move(whole));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<BuiltValue> outputs, converter_.Convert());
  for (size_t i = 0; i < outputs.size(); ++i) {
    OnnxValueInfo info = model_.graph.outputs[i];
    const Shape& shape = outputs[i].shape();
    shapes.push_back(shape);
    if (is_whole) {
      RNNSERVE_RETURN_IF_ERROR(builder_.AddOutput(info.name, outputs[i]));
      continue;
    }
    const int time_axis = FirstDifference(shape, whole_shapes[i]);
    if (time_axis >= 0 && info.axes.has_value() &&
        static_cast<int>(info.axes->size()) == shape.rank()) {
      info.axes->erase(info.axes->begin() + time_axis);
    }
    const Shape rest = WithoutTime(shape, time_axis);
    RNNSERVE_ASSIGN_OR_RETURN(const int batch_axis,
                              OutputBatchAxis(info, rest, options_, plan_.batch_symbols));
    RNNSERVE_ASSIGN_OR_RETURN(const BuiltValue row,
                              builder_.Reshape(outputs[i], RowShape(rest, batch_axis)));
    RNNSERVE_RETURN_IF_ERROR(builder_.AddOutput(info.name, row));
  }
  return builder_.Finish("the ONNX graph");
}

// Describes the inputs and outputs of the programs.
void Describe(const OnnxModel& model, const InputPlan& plan, const std::vector<Shape>& whole_shapes,
              const std::vector<Shape>& step_shapes, SequencePrograms& programs) {
  for (const InputPlan::Input& input : plan.inputs) {
    if (input.fixed.has_value()) continue;
    programs.inputs.push_back({input.name, input.type, input.shape, input.time_axis});
  }
  for (size_t i = 0; i < whole_shapes.size(); ++i) {
    programs.outputs.push_back({model.graph.outputs[i].name, whole_shapes[i], step_shapes[i], -1});
  }
}

}  // namespace

absl::StatusOr<SequencePrograms> ImportSequencePrograms(const OnnxModel& model,
                                                        const OnnxOptions& options,
                                                        int64_t length) {
  SequencePrograms programs;
  std::vector<Shape> whole_shapes;
  StepImport whole(model, options);
  RNNSERVE_ASSIGN_OR_RETURN(programs.whole, whole.RunSequence(length, true, {}, whole_shapes));
  RecurrentStates states;
  std::vector<Shape> step_shapes;
  RNNSERVE_ASSIGN_OR_RETURN(
      programs.step,
      StepImport(model, options, &states).RunSequence(1, false, whole_shapes, step_shapes));
  Describe(model, whole.plan(), whole_shapes, step_shapes, programs);
  return programs;
}

absl::StatusOr<SequenceBlocks> ImportSequenceBlocks(const OnnxModel& model,
                                                    const OnnxOptions& options, int64_t length) {
  SequenceBlocks sequence;
  std::vector<Shape> whole_shapes;
  StepImport whole(model, options, nullptr, true);
  RNNSERVE_ASSIGN_OR_RETURN(sequence.programs.whole,
                            whole.RunSequence(length, true, {}, whole_shapes));
  RecurrentBlocks recurrences;
  std::vector<Shape> step_shapes;
  StepImport step(model, options, &recurrences, true);
  RNNSERVE_ASSIGN_OR_RETURN(sequence.blocks.rest,
                            step.RunSequence(1, false, whole_shapes, step_shapes));
  sequence.blocks.blocks = std::move(recurrences.blocks());
  Describe(model, whole.plan(), whole_shapes, step_shapes, sequence.programs);
  for (const SequencePrograms::Input& input : sequence.programs.inputs) {
    if (input.time_axis < 0) sequence.blocks.row_inputs.insert(input.name);
  }
  for (size_t i = 0; i < whole_shapes.size(); ++i) {
    if (FirstDifference(whole_shapes[i], step_shapes[i]) < 0) continue;
    sequence.blocks.sequence_outputs.insert(model.graph.outputs[i].name);
  }
  return sequence;
}

absl::StatusOr<ProgramBuilder::Result> ImportStep(
    const OnnxModel& model, const OnnxOptions& options,
    const std::map<std::string, std::string>& states) {
  return StepImport(model, options).Run(states);
}

}  // namespace rnnserve
