// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/layered_model.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;
using ValueId = Program::ValueId;

// The things that a value depends on.
enum class Kind {
  kKnown,     // on weights alone
  kRow,       // on what holds for a whole sequence
  kSequence,  // on timesteps
};

// In which form something reads a value.
enum class Form { kRow, kSequence };

// The tensor of a Functional: output `output` of layer `layer`.
struct Tensor {
  std::string layer;
  size_t output = 0;
};

// A part of a program: its operations from some values on to others.
struct Part {
  std::vector<ValueId> sequences;  // outputs with a value for each timestep
  std::vector<ValueId> lasts;      // outputs of the last timestep alone, or without time
  std::vector<ValueId> inputs;     // filled by Extract
  std::vector<ValueId> constants;  // the same
};

class Splitter {
 public:
  explicit Splitter(const GraphOfBlocks& graph) : graph_(graph), program_(graph.rest.program) {}

  absl::StatusOr<Bundle> Split();

 private:
  struct Value {
    bool is_placed = false;
    Kind kind = Kind::kKnown;
    size_t level = 0;
    bool is_given = false;  // an input or the result of a block, and no operation makes it
    std::optional<size_t> operation;
  };
  // Where a given value comes from: a block, or an input of the graph.
  struct Source {
    std::optional<size_t> block;
    Tensor tensor;
  };

  void PlaceInputs();
  void PlaceOperations();
  void PlaceBlock(size_t number);
  ValueId OutputOf(const std::string& name) const { return outputs_.at(name); }

  // Notes that something reads the value. Called from the last level to the first.
  void Demand(ValueId value, Form form);
  void DemandAll();
  void DemandOperands(size_t block);
  // Finds what the part reads, for a part of that level: everything that is given, of a level before,
  // or, for a part of sequences, without time.
  absl::Status FindLeaves(Part& part, size_t level, Kind kind) const;
  absl::Status DemandLeaves(Part& part, size_t level, Kind kind);
  absl::StatusOr<Program> Extract(const Part& part) const;

  absl::Status EmitPart(const Part& part, size_t level, Kind kind);
  void EmitBlock(size_t number);
  Tensor TensorOf(ValueId value, Form form) const;
  Json ArgumentOf(ValueId value, Form form) const;
  std::string UnusedName(const std::string& wish);
  void AddLayer(const std::string& name, const Program& program, const WeightTable& weights,
                Json inputs, const Json& options);

  const GraphOfBlocks& graph_;
  const Program& program_;
  std::vector<Value> values_;
  std::map<ValueId, Source> sources_;
  std::map<std::string, ValueId> outputs_;
  std::vector<size_t> block_levels_;  // of what the blocks read
  std::vector<bool> block_needed_;
  size_t num_levels_ = 1;
  std::map<size_t, Part> sequence_parts_;  // by level
  std::map<size_t, Part> row_parts_;
  std::map<std::pair<ValueId, Form>, Tensor> tensors_;
  std::set<std::string> names_;
  Json layers_ = Json::array();
  Bundle bundle_;
};

void Splitter::PlaceInputs() {
  values_.resize(program_.values.size());
  for (const Program::Output& output : program_.outputs) outputs_[output.name] = output.value;
  std::map<std::string, ValueId> inputs;
  for (ValueId id : program_.inputs) inputs[program_.values[id].name] = id;
  std::set<ValueId> results;
  for (size_t k = 0; k < graph_.blocks.size(); ++k) {
    const RecurrentBlock& block = graph_.blocks[k];
    for (size_t i = 0; i < block.results.size(); ++i) {
      const ValueId id = inputs.at(block.results[i]);
      sources_[id] = {k, {block.name, i}};
      results.insert(id);
    }
  }
  for (ValueId id : program_.inputs) {
    values_[id].is_given = true;
    if (results.count(id) > 0) continue;
    const std::string& name = program_.values[id].name;
    values_[id].kind = graph_.row_inputs.count(name) > 0 ? Kind::kRow : Kind::kSequence;
    values_[id].is_placed = true;
    sources_[id] = {std::nullopt, {name, 0}};
    names_.insert(name);
  }
}

void Splitter::PlaceBlock(size_t number) {
  const RecurrentBlock& block = graph_.blocks[number];
  size_t level = 0;
  for (const auto* operands : {&block.inputs, &block.constants}) {
    for (const std::string& name : *operands) {
      const ValueId id = OutputOf(name);
      const auto source = sources_.find(id);
      // Blocks that are read are before this one, so this ends.
      if (!values_[id].is_placed && source != sources_.end()) PlaceBlock(*source->second.block);
      level = std::max(level, values_[id].level);
    }
  }
  block_levels_[number] = level;
  num_levels_ = std::max(num_levels_, level + 2);
  for (const auto& [id, source] : sources_) {
    if (source.block != number) continue;
    values_[id].is_placed = true;
    values_[id].level = level + 1;
    values_[id].kind = source.tensor.output < block.num_sequences ? Kind::kSequence : Kind::kRow;
  }
}

void Splitter::PlaceOperations() {
  block_levels_.resize(graph_.blocks.size());
  for (size_t i = 0; i < program_.operations.size(); ++i) {
    const Program::Operation& operation = program_.operations[i];
    Value placed;
    for (ValueId id : operation.operands) {
      const auto source = sources_.find(id);
      if (!values_[id].is_placed && source != sources_.end()) PlaceBlock(*source->second.block);
      placed.kind = std::max(placed.kind, values_[id].kind);
      placed.level = std::max(placed.level, values_[id].level);
    }
    placed.is_placed = true;
    placed.operation = i;
    for (ValueId id : operation.results) values_[id] = placed;
  }
  for (size_t k = 0; k < graph_.blocks.size(); ++k) PlaceBlock(k);
}

void Splitter::Demand(ValueId value, Form form) {
  const Value& placed = values_[value];
  const bool is_row = placed.kind != Kind::kSequence;
  if (placed.is_given && is_row == (form == Form::kRow)) {
    const Source& source = sources_.at(value);
    if (source.block.has_value()) block_needed_[*source.block] = true;
    return;
  }
  // A known value is computed where timesteps are, because a layer must read something.
  const bool runs_once = placed.kind == Kind::kRow && form == Form::kRow;
  Part& part = (runs_once ? row_parts_ : sequence_parts_)[placed.level];
  std::vector<ValueId>& list = form == Form::kRow ? part.lasts : part.sequences;
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

absl::Status Splitter::FindLeaves(Part& part, size_t level, Kind kind) const {
  std::vector<bool> is_seen(values_.size(), false);
  std::vector<ValueId> open = part.sequences;
  open.insert(open.end(), part.lasts.begin(), part.lasts.end());
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (is_seen[id]) continue;
    is_seen[id] = true;
    const Value& value = values_[id];
    if (value.kind == Kind::kKnown) {
      if (value.operation.has_value()) {
        const auto& operands = program_.operations[*value.operation].operands;
        open.insert(open.end(), operands.begin(), operands.end());
      }
      continue;
    }
    const bool is_leaf = value.is_given || value.level < level || value.kind < kind;
    if (is_leaf) {
      (value.kind == kind ? part.inputs : part.constants).push_back(id);
      continue;
    }
    const auto& operands = program_.operations[*value.operation].operands;
    open.insert(open.end(), operands.begin(), operands.end());
  }
  std::sort(part.inputs.begin(), part.inputs.end());
  std::sort(part.constants.begin(), part.constants.end());
  if (!part.inputs.empty()) return absl::OkStatus();
  // A layer needs an input to know the number of timesteps.
  for (ValueId id : program_.inputs) {
    if (values_[id].kind != kind || sources_.at(id).block.has_value()) continue;
    part.inputs.push_back(id);
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kUnimplemented, "ONNX_TIME",
                   "no input of the model is a sequence");
}

absl::Status Splitter::DemandLeaves(Part& part, size_t level, Kind kind) {
  if (part.sequences.empty() && part.lasts.empty()) return absl::OkStatus();
  RNNSERVE_RETURN_IF_ERROR(FindLeaves(part, level, kind));
  const Form form = kind == Kind::kSequence ? Form::kSequence : Form::kRow;
  for (ValueId id : part.inputs) Demand(id, form);
  for (ValueId id : part.constants) Demand(id, Form::kRow);
  return absl::OkStatus();
}

void Splitter::DemandOperands(size_t block) {
  for (const std::string& name : graph_.blocks[block].inputs) {
    Demand(OutputOf(name), Form::kSequence);
  }
  for (const std::string& name : graph_.blocks[block].constants) Demand(OutputOf(name), Form::kRow);
}

absl::StatusOr<Program> Splitter::Extract(const Part& part) const {
  // The values that the part has, and its operations.
  std::vector<bool> has_value(values_.size(), false);
  std::vector<bool> has_operation(program_.operations.size(), false);
  for (ValueId id : part.inputs) has_value[id] = true;
  for (ValueId id : part.constants) has_value[id] = true;
  const std::vector<bool> is_leaf = has_value;
  std::vector<ValueId> open = part.sequences;
  open.insert(open.end(), part.lasts.begin(), part.lasts.end());
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    has_value[id] = true;
    if (is_leaf[id] || !values_[id].operation.has_value()) continue;
    if (has_operation[*values_[id].operation]) continue;
    has_operation[*values_[id].operation] = true;
    const Program::Operation& operation = program_.operations[*values_[id].operation];
    open.insert(open.end(), operation.operands.begin(), operation.operands.end());
    for (ValueId result : operation.results) has_value[result] = true;
  }
  Program program;
  std::vector<ValueId> number(values_.size(), 0);
  for (ValueId id = 0; id < values_.size(); ++id) {
    if (!has_value[id]) continue;
    number[id] = program.values.size();
    program.values.push_back(program_.values[id]);
  }
  for (ValueId id : part.inputs) program.inputs.push_back(number[id]);
  for (ValueId id : part.constants) program.constants.push_back(number[id]);
  for (ValueId id : program_.weights) {
    if (has_value[id]) program.weights.push_back(number[id]);
  }
  for (const Program::Literal& literal : program_.literals) {
    if (!has_value[literal.value]) continue;
    program.literals.push_back(literal);
    program.literals.back().value = number[literal.value];
  }
  for (size_t i = 0; i < has_operation.size(); ++i) {
    if (!has_operation[i]) continue;
    Program::Operation operation = program_.operations[i];
    for (ValueId& id : operation.operands) id = number[id];
    for (ValueId& id : operation.results) id = number[id];
    program.operations.push_back(std::move(operation));
  }
  for (const auto* list : {&part.sequences, &part.lasts}) {
    for (ValueId id : *list) {
      // One value may be read in both forms.
      program.outputs.push_back({absl::StrCat("y", program.outputs.size()), number[id]});
    }
  }
  RNNSERVE_RETURN_IF_ERROR(CheckProgram(program, "a part of the ONNX graph"));
  return program;
}

std::string Splitter::UnusedName(const std::string& wish) {
  std::string name = wish;
  for (int i = 1; !names_.insert(name).second; ++i) name = absl::StrCat(wish, "_", i);
  return name;
}

void Splitter::AddLayer(const std::string& name, const Program& program, const WeightTable& weights,
                        Json inputs, const Json& options) {
  Json layer = ProgramLayerJson(name, program, std::move(inputs));
  layer["config"].update(options);
  layers_.push_back(std::move(layer));
  const auto copy = [&](const std::string& weight) {
    const auto found = weights.find(weight);
    if (found == weights.end()) return;
    const absl::Span<const float> values = found->second.values.span();
    AlignedBuffer buffer(static_cast<int64_t>(values.size()));
    std::copy(values.begin(), values.end(), buffer.data());
    bundle_.weights[absl::StrCat(name, "/", weight)] = {found->second.shape, std::move(buffer)};
  };
  for (ValueId id : program.weights) copy(program.values[id].name);
}

Tensor Splitter::TensorOf(ValueId value, Form form) const {
  const auto made = tensors_.find({value, form});
  return made != tensors_.end() ? made->second : sources_.at(value).tensor;
}

Json Splitter::ArgumentOf(ValueId value, Form form) const {
  const Tensor tensor = TensorOf(value, form);
  return LayerTensorJson(tensor.layer, tensor.output);
}

absl::Status Splitter::EmitPart(const Part& part, size_t level, Kind kind) {
  if (part.sequences.empty() && part.lasts.empty()) return absl::OkStatus();
  const bool is_sequence = kind == Kind::kSequence;
  RNNSERVE_ASSIGN_OR_RETURN(const Program program, Extract(part));
  const std::string name = UnusedName(absl::StrCat(is_sequence ? "steps" : "once", level));
  Json arguments = Json::array();
  for (ValueId id : part.inputs) {
    arguments.push_back(ArgumentOf(id, is_sequence ? Form::kSequence : Form::kRow));
  }
  for (ValueId id : part.constants) arguments.push_back(ArgumentOf(id, Form::kRow));
  Json options = Json::object();
  size_t output = 0;
  for (ValueId id : part.sequences) tensors_[{id, Form::kSequence}] = {name, output++};
  for (ValueId id : part.lasts) {
    if (is_sequence) options["last_outputs"].push_back(program.outputs[output].name);
    tensors_[{id, Form::kRow}] = {name, output++};
  }
  AddLayer(name, program, graph_.rest.weights, std::move(arguments), options);
  return absl::OkStatus();
}

void Splitter::EmitBlock(size_t number) {
  const RecurrentBlock& block = graph_.blocks[number];
  Json arguments = Json::array();
  for (const std::string& name : block.inputs) {
    arguments.push_back(ArgumentOf(OutputOf(name), Form::kSequence));
  }
  for (const std::string& name : block.constants) {
    arguments.push_back(ArgumentOf(OutputOf(name), Form::kRow));
  }
  Json options = Json::object();
  if (block.go_backwards) options["go_backwards"] = true;
  const std::vector<Program::Output>& outputs = block.step.program.outputs;
  for (size_t i = block.num_sequences; i < outputs.size(); ++i) {
    options["last_outputs"].push_back(outputs[i].name);
  }
  AddLayer(block.name, block.step.program, block.step.weights, std::move(arguments), options);
}

void Splitter::DemandAll() {
  std::set<std::string> operands;
  for (const RecurrentBlock& block : graph_.blocks) {
    operands.insert(block.inputs.begin(), block.inputs.end());
    operands.insert(block.constants.begin(), block.constants.end());
  }
  for (const Program::Output& output : program_.outputs) {
    if (operands.count(output.name) > 0) continue;
    const bool is_sequence = graph_.sequence_outputs.count(output.name) > 0;
    Demand(output.value, is_sequence ? Form::kSequence : Form::kRow);
  }
}

absl::StatusOr<Bundle> Splitter::Split() {
  PlaceInputs();
  PlaceOperations();
  for (const RecurrentBlock& block : graph_.blocks) names_.insert(block.name);
  block_needed_.resize(graph_.blocks.size(), false);
  DemandAll();
  for (size_t level = num_levels_; level-- > 0;) {
    RNNSERVE_RETURN_IF_ERROR(DemandLeaves(sequence_parts_[level], level, Kind::kSequence));
    RNNSERVE_RETURN_IF_ERROR(DemandLeaves(row_parts_[level], level, Kind::kRow));
    for (size_t k = 0; k < graph_.blocks.size(); ++k) {
      if (block_needed_[k] && block_levels_[k] + 1 == level) DemandOperands(k);
    }
  }
  Json inputs = Json::object();
  for (ValueId id : program_.inputs) {
    if (sources_.at(id).block.has_value()) continue;
    const Program::Value& value = program_.values[id];
    layers_.push_back(InputLayerJson(value, values_[id].kind == Kind::kSequence));
    inputs[value.name] = {value.name, 0, 0};
  }
  for (size_t level = 0; level < num_levels_; ++level) {
    RNNSERVE_RETURN_IF_ERROR(EmitPart(row_parts_[level], level, Kind::kRow));
    RNNSERVE_RETURN_IF_ERROR(EmitPart(sequence_parts_[level], level, Kind::kSequence));
    for (size_t k = 0; k < graph_.blocks.size(); ++k) {
      if (block_needed_[k] && block_levels_[k] == level) EmitBlock(k);
    }
  }
  std::set<std::string> operands;
  for (const RecurrentBlock& block : graph_.blocks) {
    operands.insert(block.inputs.begin(), block.inputs.end());
    operands.insert(block.constants.begin(), block.constants.end());
  }
  Json outputs = Json::object();
  for (const Program::Output& output : program_.outputs) {
    if (operands.count(output.name) > 0) continue;
    const bool is_sequence = graph_.sequence_outputs.count(output.name) > 0;
    const Tensor tensor = TensorOf(output.value, is_sequence ? Form::kSequence : Form::kRow);
    outputs[output.name] = {tensor.layer, 0, tensor.output};
  }
  bundle_.model = FunctionalJson(std::move(layers_), std::move(inputs), std::move(outputs));
  return std::move(bundle_);
}

}  // namespace

absl::StatusOr<Bundle> LayeredModel(const GraphOfBlocks& graph) { return Splitter(graph).Split(); }

Json LayerTensorJson(const std::string& layer, size_t output) {
  return {{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {layer, 0, output}}}}};
}

Json InputLayerJson(const Program::Value& value, bool has_time) {
  const bool is_token_id = has_time && value.type == ElementType::kInt32 && value.shape.rank() == 0;
  Json shape = has_time ? Json::array({nullptr, nullptr}) : Json::array({nullptr});
  for (int64_t extent : value.shape.extents()) shape.push_back(extent);
  return {{"class_name", "InputLayer"},
          {"config",
           {{"name", value.name},
            {"batch_shape", std::move(shape)},
            {"dtype", is_token_id ? "int32" : "float32"}}},
          {"inbound_nodes", Json::array()}};
}

Json ProgramLayerJson(const std::string& name, const Program& program, Json inputs) {
  return {{"class_name", "Program"},
          {"registered_name", "rnnserve>Program"},
          {"config", {{"name", name}, {"program", WriteProgram(program)}}},
          {"inbound_nodes",
           {{{"args", Json::array({std::move(inputs)})}, {"kwargs", Json::object()}}}}};
}

Json FunctionalJson(Json layers, Json inputs, Json outputs) {
  return {{"class_name", "Functional"},
          {"config",
           {{"name", "onnx"},
            {"layers", std::move(layers)},
            {"input_layers", std::move(inputs)},
            {"output_layers", std::move(outputs)}}}};
}

}  // namespace rnnserve
