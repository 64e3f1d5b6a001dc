// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// onnx_runner: turns the graphs of ONNX files into step programs and runs these, for the scripts of
// this folder. A whole graph counts as one row: nothing is a batch axis, so each operator is tested
// as the file has it.
//
//   onnx_runner < TASKS > ANSWERS
//
// Every line of TASKS is a JSON object, and so is the line of ANSWERS for it:
//
//   {"model":  a file with static shapes,
//    "inputs": a file of float32 numbers: for each step, the inputs that are no states, in the
//              order of the graph,
//    "steps":  how often the program runs,
//    "states": {input: output}: the inputs that are zeros at the first step, and then have the
//              values of these outputs,
//    "outputs": a file to write: for each step all outputs, as float32 numbers, in order; first
//               those of the interpreter for all steps, then those of the compiled program}
//
//   {"shapes": [[2, 3], ...]}   the shapes of the outputs
//   {"error": "UNIMPLEMENTED: OPERATOR_UNSUPPORTED: text"}

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/aligned_buffer.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/graph_converter.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/program_builder.h"
#include "core/kernels/columns.h"
#include "core/model/weight_table.h"
#include "core/program/compiled_program.h"
#include "core/program/program_interpreter.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;
using Values = std::vector<std::vector<float>>;

struct Task {
  std::string model;
  std::string inputs;
  std::string outputs;
  size_t steps = 1;
  std::map<std::string, std::string> states;
};

// The outputs of a graph: those that are known at import, and those of a program.
struct Converted {
  std::vector<BuiltValue> outputs;
  std::vector<std::string> output_names;
  std::vector<std::string> input_names;         // of the program
  std::optional<ProgramBuilder::Result> built;  // nothing if all outputs are known
};

absl::StatusOr<Shape> StaticShape(const OnnxValueInfo& input) {
  if (!input.axes.has_value()) return InvalidArgument("MODEL_CONFIG", "an input has no shape");
  std::vector<int64_t> extents;
  for (const OnnxValueInfo::Axis& axis : *input.axes) extents.push_back(axis.extent);
  return Shape(extents);
}

absl::StatusOr<Converted> Convert(const std::string& path) {
  RNNSERVE_ASSIGN_OR_RETURN(const OnnxModel model, ReadOnnxFile(path));
  ProgramBuilder builder;
  GraphConverter converter(model, builder, nullptr);
  Converted converted;
  for (const OnnxValueInfo& input : model.graph.inputs) {
    RNNSERVE_ASSIGN_OR_RETURN(const Shape shape, StaticShape(input));
    RNNSERVE_ASSIGN_OR_RETURN(BuiltValue value, builder.AddInput(input.name, input.type, shape));
    converter.Define(input.name, std::move(value));
    converted.input_names.push_back(input.name);
  }
  RNNSERVE_ASSIGN_OR_RETURN(converted.outputs, converter.Convert());
  bool has_computed = false;
  for (size_t i = 0; i < converted.outputs.size(); ++i) {
    converted.output_names.push_back(model.graph.outputs[i].name);
    if (converted.outputs[i].is_known()) continue;
    has_computed = true;
    RNNSERVE_RETURN_IF_ERROR(
        builder.AddOutput(converted.output_names.back(), converted.outputs[i]));
  }
  if (has_computed) {
    RNNSERVE_ASSIGN_OR_RETURN(converted.built, builder.Finish("the graph"));
  }
  return converted;
}

std::vector<float> AsFloats(const OnnxTensor& tensor) {
  if (tensor.type == ElementType::kFloat32) return tensor.floats();
  return {tensor.integers().begin(), tensor.integers().end()};
}

std::vector<float> ReadFloats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

// Runs one step on the inputs of a program, in its order, and returns its outputs.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual Values Run(const Values& inputs) = 0;
};

class Interpreted final : public Executor {
 public:
  explicit Interpreted(ProgramInterpreter interpreter) : interpreter_(std::move(interpreter)) {}
  Values Run(const Values& inputs) override {
    ProgramInterpreter::Row row;
    row.inputs = inputs;
    return interpreter_.Run(row).outputs;
  }

 private:
  const ProgramInterpreter interpreter_;
};

// A batch of one row.
class Column {
 public:
  explicit Column(int64_t rows) : rows_(rows), values_(PaddedRows(rows)) {}
  explicit Column(const std::vector<float>& values) : Column(static_cast<int64_t>(values.size())) {
    std::copy(values.begin(), values.end(), values_.data());
  }

  operator Columns() { return {values_.data(), rows_, 1, values_.size()}; }
  operator ConstColumns() const { return {values_.data(), rows_, 1, values_.size()}; }
  operator std::vector<float>() const { return {values_.data(), values_.data() + rows_}; }

 private:
  int64_t rows_;
  AlignedBuffer values_;
};

class Compiled final : public Executor {
 public:
  explicit Compiled(std::unique_ptr<const CompiledProgram> program)
      : program_(std::move(program)), scratch_(program_->scratch_size(1)) {}

  Values Run(const Values& inputs) override {
    const Program& program = program_->program();
    std::vector<Column> from;
    for (const std::vector<float>& input : inputs) from.emplace_back(input);
    std::vector<Column> to;
    for (const Program::Output& output : program.outputs) {
      to.emplace_back(*program.values[output.value].shape.NumElements());
    }
    const std::vector<ConstColumns> inputs_of_step(from.begin(), from.end());
    const std::vector<Columns> outputs_of_step(to.begin(), to.end());
    CompiledProgram::Arguments arguments;
    arguments.inputs = inputs_of_step;
    arguments.outputs = outputs_of_step;
    arguments.scratch = scratch_.data();
    program_->Step(arguments);
    return Values(to.begin(), to.end());
  }

 private:
  const std::unique_ptr<const CompiledProgram> program_;
  AlignedBuffer scratch_;
};

// Runs all steps and appends the outputs of each to `results`.
void RunSteps(const Task& task, const Converted& converted, Executor* executor,
              const std::vector<float>& given, std::vector<float>& results) {
  std::map<std::string, std::vector<float>> states;
  size_t position = 0;
  for (size_t step = 0; step < task.steps; ++step) {
    Values computed;
    if (executor != nullptr) {
      const Program& program = converted.built->program;
      Values inputs;
      for (const Program::ValueId id : program.inputs) {
        const Program::Value& value = program.values[id];
        const auto size = static_cast<size_t>(*value.shape.NumElements());
        if (task.states.count(value.name) > 0) {
          std::vector<float>& state = states[value.name];
          state.resize(size, 0.0f);
          inputs.push_back(state);
        } else {
          const auto begin = given.begin() + static_cast<std::ptrdiff_t>(position);
          inputs.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
          position += size;
        }
      }
      computed = executor->Run(inputs);
    }
    size_t next = 0;
    for (size_t i = 0; i < converted.outputs.size(); ++i) {
      const BuiltValue& output = converted.outputs[i];
      const std::vector<float> values =
          output.is_known() ? AsFloats(output.tensor()) : computed[next++];
      results.insert(results.end(), values.begin(), values.end());
      for (const auto& [state, source] : task.states) {
        if (source == converted.output_names[i]) states[state] = values;
      }
    }
  }
}

absl::StatusOr<Json> Answer(const Task& task) {
  RNNSERVE_ASSIGN_OR_RETURN(Converted converted, Convert(task.model));
  const std::vector<float> given = ReadFloats(task.inputs);
  std::vector<float> results;
  if (converted.built.has_value()) {
    WeightTableSource weights(converted.built->weights);
    RNNSERVE_ASSIGN_OR_RETURN(ProgramInterpreter interpreter,
                              ProgramInterpreter::Create(converted.built->program, weights));
    Interpreted interpreted(std::move(interpreter));
    RunSteps(task, converted, &interpreted, given, results);
    RNNSERVE_ASSIGN_OR_RETURN(auto program,
                              CompiledProgram::Create(converted.built->program, weights));
    Compiled compiled(std::move(program));
    RunSteps(task, converted, &compiled, given, results);
  } else {
    RunSteps(task, converted, nullptr, given, results);
    RunSteps(task, converted, nullptr, given, results);
  }
  std::ofstream file(task.outputs, std::ios::binary);
  file.write(reinterpret_cast<const char*>(results.data()),
             static_cast<std::streamsize>(results.size() * sizeof(float)));
  Json shapes = Json::array();
  for (const BuiltValue& output : converted.outputs) {
    const absl::Span<const int64_t> extents = output.shape().extents();
    shapes.push_back(std::vector<int64_t>(extents.begin(), extents.end()));
  }
  return Json{{"shapes", shapes}};
}

int Main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json json = Json::parse(line);
    Task task;
    json.at("model").get_to(task.model);
    json.at("inputs").get_to(task.inputs);
    json.at("outputs").get_to(task.outputs);
    json.at("steps").get_to(task.steps);
    json.at("states").get_to(task.states);
    const absl::StatusOr<Json> answer = Answer(task);
    const Json error = {
        {"error", absl::StrCat(absl::StatusCodeToString(answer.status().code()), ": ",
                               ErrorReason(answer.status()), ": ", answer.status().message())}};
    std::cout << (answer.ok() ? *answer : error).dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace rnnserve

int main() { return rnnserve::Main(); }
