// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/program_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/check_program.h"
#include "core/program/infer_values.h"
#include "core/program/limits.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

constexpr int64_t kVersion = 1;
constexpr absl::string_view kProgramKeys[] = {"program_version", "inputs",  "states",
                                              "constants",       "weights", "literals",
                                              "operations",      "outputs"};
constexpr absl::string_view kInputKeys[] = {"name", "shape", "type", "overlap"};
constexpr absl::string_view kStateKeys[] = {"name", "shape", "type", "initial", "next"};
constexpr absl::string_view kConstantKeys[] = {"name", "shape", "type"};
constexpr absl::string_view kLiteralKeys[] = {"type", "shape", "values"};
constexpr absl::string_view kOutputKeys[] = {"name", "value"};

// Returns the number of the operation that has this result, or nullopt.
std::optional<size_t> OperationWithResult(const Json& operations, const std::string& name) {
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].is_object() || !operations[i].contains("out")) continue;
    const Json& out = operations[i]["out"];
    if (out == name) return i;
    if (out.is_array() && std::find(out.begin(), out.end(), name) != out.end()) return i;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Program> ProgramReader::Read() && {
  RNNSERVE_RETURN_IF_ERROR(CheckVersion());
  RNNSERVE_RETURN_IF_ERROR(TextFields::Create(text_, "", kProgramKeys).status());
  RNNSERVE_ASSIGN_OR_RETURN(const Json* inputs, Section("inputs", false));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* states, Section("states", false));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* constants, Section("constants", false));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* weights, Section("weights", true));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* literals, Section("literals", true));
  RNNSERVE_ASSIGN_OR_RETURN(operations_, Section("operations", false));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* outputs, Section("outputs", false));
  RNNSERVE_RETURN_IF_ERROR(CheckCount("operations", operations_->size(), 0, kProgramOperationsMax));
  RNNSERVE_RETURN_IF_ERROR(CheckOperationNames());
  // States come before inputs, so that an overlap is the last state.
  RNNSERVE_RETURN_IF_ERROR(DeclareStates(*states));
  RNNSERVE_RETURN_IF_ERROR(DeclareInputs(*inputs));
  RNNSERVE_RETURN_IF_ERROR(DeclareConstants(*constants));
  RNNSERVE_RETURN_IF_ERROR(DeclareWeights(*weights));
  RNNSERVE_RETURN_IF_ERROR(DeclareLiterals(*literals));
  num_added_ = program_.operations.size();
  for (size_t i = 0; i < operations_->size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(ReadOperation((*operations_)[i], i));
  }
  RNNSERVE_RETURN_IF_ERROR(ReadNextStates(*states));
  RNNSERVE_RETURN_IF_ERROR(ReadOutputs(*outputs));
  RNNSERVE_RETURN_IF_ERROR(CheckProgramText(program_, num_added_));
  return std::move(program_);
}

absl::Status ProgramReader::CheckVersion() const {
  if (!text_.is_object()) return InvalidProgram("the program is not a JSON object");
  if (!text_.contains("program_version")) {
    return InvalidProgram(absl::StrCat("the key 'program_version' is missing; it is ", kVersion));
  }
  const Json& version = text_["program_version"];
  if (version == kVersion) return absl::OkStatus();
  if (!version.is_number_integer()) {
    return InvalidProgram(
        absl::StrCat("'program_version' is ", ShortText(version), ", not ", kVersion));
  }
  return FailedPrecondition(
      "PROGRAM_VERSION", absl::StrCat("the program is of version ", ShortText(version),
                                      " of the form, but this server reads version ", kVersion,
                                      "; export it again for this version, or use a newer server"));
}

absl::Status ProgramReader::DeclareInputs(const Json& inputs) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("inputs", inputs.size(), 1, kProgramInputsMax));
  for (size_t i = 0; i < inputs.size(); ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(
        const TextFields fields,
        TextFields::Create(inputs[i], absl::StrCat("inputs[", i, "]"), kInputKeys));
    RNNSERVE_ASSIGN_OR_RETURN(const std::string name, fields.String("name"));
    RNNSERVE_ASSIGN_OR_RETURN(const ElementType type, fields.TypeOr("type", ElementType::kFloat32));
    RNNSERVE_ASSIGN_OR_RETURN(Shape shape, fields.ReadShape("shape"));
    RNNSERVE_ASSIGN_OR_RETURN(const ValueId id,
                              AddValue(name, type, std::move(shape), fields.place()));
    program_.inputs.push_back(id);
    if (fields.Has("overlap")) {
      RNNSERVE_RETURN_IF_ERROR(AddOverlap(fields, id));
    }
  }
  return absl::OkStatus();
}

// The program reads the overlap and the frame, joined, under the name of the input.
absl::Status ProgramReader::AddOverlap(const TextFields& fields, ValueId input) {
  const Program::Value frame = program_.values[input];
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t overlap, fields.Integer("overlap"));
  RNNSERVE_RETURN_IF_ERROR(
      CheckShape(frame.shape, kProgramElementsMax, absl::StrCat("the input '", frame.name, "'")));
  if (frame.shape.rank() == 0) return fields.Error("a scalar has no axis for an overlap");
  if (overlap < 1 || overlap > kProgramElementsMax) {
    return fields.Error(
        absl::StrCat("'overlap' is ", overlap, ", not from 1 to ", kProgramElementsMax));
  }
  std::vector<int64_t> extents(frame.shape.extents().begin(), frame.shape.extents().end());
  std::vector<Attributes::Slice> slices;
  slices.reserve(extents.size());
  for (const int64_t extent : extents) slices.push_back({0, extent, 1});
  slices[0] = {extents[0], extents[0] + overlap, 1};
  extents[0] = overlap;
  const std::string name = absl::StrCat(frame.name, ".overlap");
  RNNSERVE_ASSIGN_OR_RETURN(const ValueId state,
                            AddValue(name, frame.type, Shape(extents), fields.place()));
  Attributes concat;
  RNNSERVE_ASSIGN_OR_RETURN(const ValueId window,
                            AddOperation(OpCode::kConcat, {state, input}, concat,
                                         absl::StrCat(frame.name, ".window"), fields.place()));
  Attributes slice;
  slice.slices = std::move(slices);
  RNNSERVE_ASSIGN_OR_RETURN(
      const ValueId next,
      AddOperation(OpCode::kSlice, {window}, slice, absl::StrCat(name, ".next"), fields.place()));
  program_.states.push_back({state, next, ""});
  names_[frame.name] = window;
  return absl::OkStatus();
}

absl::Status ProgramReader::DeclareStates(const Json& states) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("states", states.size(), 0, kProgramStatesMax));
  for (size_t i = 0; i < states.size(); ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(
        const TextFields fields,
        TextFields::Create(states[i], absl::StrCat("states[", i, "]"), kStateKeys));
    RNNSERVE_ASSIGN_OR_RETURN(const std::string name, fields.String("name"));
    RNNSERVE_ASSIGN_OR_RETURN(const ElementType type, fields.TypeOr("type", ElementType::kFloat32));
    RNNSERVE_ASSIGN_OR_RETURN(Shape shape, fields.ReadShape("shape"));
    Program::State state;
    RNNSERVE_ASSIGN_OR_RETURN(state.value, AddValue(name, type, std::move(shape), fields.place()));
    if (fields.Has("initial")) {
      RNNSERVE_ASSIGN_OR_RETURN(state.initial, fields.String("initial"));
      if (state.initial.empty()) return fields.Error("'initial' is empty; name a weight");
    }
    program_.states.push_back(std::move(state));
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::DeclareConstants(const Json& constants) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("constants", constants.size(), 0, kProgramConstantsMax));
  for (size_t i = 0; i < constants.size(); ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(
        const TextFields fields,
        TextFields::Create(constants[i], absl::StrCat("constants[", i, "]"), kConstantKeys));
    RNNSERVE_ASSIGN_OR_RETURN(const std::string name, fields.String("name"));
    RNNSERVE_ASSIGN_OR_RETURN(const ElementType type, fields.TypeOr("type", ElementType::kFloat32));
    RNNSERVE_ASSIGN_OR_RETURN(Shape shape, fields.ReadShape("shape"));
    RNNSERVE_ASSIGN_OR_RETURN(const ValueId id,
                              AddValue(name, type, std::move(shape), fields.place()));
    program_.constants.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::DeclareWeights(const Json& weights) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("weights", weights.size(), 0, kProgramWeightsMax));
  for (const auto& [name, extents] : weights.items()) {
    const std::string place = absl::StrCat("the weight '", name.substr(0, kProgramNameShown), "'");
    if (extents.is_object()) {
      return InvalidProgram(absl::StrCat(
          place,
          " is an object, not a shape; weights are float32 and in the weight file. Values"
          " of another type are literals"));
    }
    RNNSERVE_ASSIGN_OR_RETURN(Shape shape, ShapeOfText(extents, place));
    RNNSERVE_ASSIGN_OR_RETURN(const ValueId id,
                              AddValue(name, ElementType::kFloat32, std::move(shape), place));
    program_.weights.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::DeclareLiterals(const Json& literals) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("literals", literals.size(), 0, kProgramLiteralsMax));
  for (const auto& [name, literal] : literals.items()) {
    RNNSERVE_RETURN_IF_ERROR(DeclareLiteral(name, literal));
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::DeclareLiteral(const std::string& name, const Json& literal) {
  RNNSERVE_ASSIGN_OR_RETURN(
      const TextFields fields,
      TextFields::Create(literal,
                         absl::StrCat("the literal '", name.substr(0, kProgramNameShown), "'"),
                         kLiteralKeys));
  RNNSERVE_ASSIGN_OR_RETURN(const ElementType type, fields.TypeOr("type", ElementType::kFloat32));
  RNNSERVE_ASSIGN_OR_RETURN(const Shape shape, fields.ReadShape("shape"));
  RNNSERVE_ASSIGN_OR_RETURN(const Json* values, fields.List("values"));
  RNNSERVE_RETURN_IF_ERROR(CheckShape(shape, kProgramLiteralsMax, fields.place()));
  if (static_cast<int64_t>(values->size()) != shape.NumElements()) {
    return fields.Error(absl::StrCat("it has ", values->size(), " values, but the shape ",
                                     shape.ToString(), "; values is a flat list, row-major"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const ValueId id, AddValue(name, type, shape, fields.place()));
  std::vector<float> floats;
  std::vector<int32_t> integers;
  for (const Json& value : *values) {
    if (type == ElementType::kFloat32) {
      const auto element = FloatElement(value);
      if (!element.has_value()) return fields.Error(ElementError(value, type));
      floats.push_back(*element);
    } else {
      const auto element = IntegerElement(value, type);
      if (!element.has_value()) return fields.Error(ElementError(value, type));
      integers.push_back(*element);
    }
  }
  Program::Literal& added = program_.literals.emplace_back();
  added.value = id;
  if (type == ElementType::kFloat32) {
    added.elements = std::move(floats);
  } else {
    added.elements = std::move(integers);
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::ReadNextStates(const Json& states) {
  for (size_t i = 0; i < states.size(); ++i) {
    Program::State& state = program_.states[i];
    const std::string& name = program_.values[state.value].name;
    RNNSERVE_ASSIGN_OR_RETURN(
        const TextFields fields,
        TextFields::Create(states[i], absl::StrCat("states[", i, "], '", name, "'"), kStateKeys));
    if (!fields.Has("next")) {
      return fields.Error(
          "the state is never written; 'next' must name the value that it has after the step");
    }
    RNNSERVE_ASSIGN_OR_RETURN(const std::string next, fields.String("next"));
    RNNSERVE_ASSIGN_OR_RETURN(state.next, Find(next, fields));
  }
  return absl::OkStatus();
}

absl::Status ProgramReader::ReadOutputs(const Json& outputs) {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("outputs", outputs.size(), 1, kProgramOutputsMax));
  for (size_t i = 0; i < outputs.size(); ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(
        const TextFields fields,
        TextFields::Create(outputs[i], absl::StrCat("outputs[", i, "]"), kOutputKeys));
    Program::Output output;
    RNNSERVE_ASSIGN_OR_RETURN(output.name, fields.String("name"));
    RNNSERVE_ASSIGN_OR_RETURN(const std::string value, fields.String("value"));
    RNNSERVE_ASSIGN_OR_RETURN(output.value, Find(value, fields));
    program_.outputs.push_back(std::move(output));
  }
  return absl::OkStatus();
}

absl::StatusOr<Program::ValueId> ProgramReader::AddValue(const std::string& name, ElementType type,
                                                         Shape shape, absl::string_view place) {
  RNNSERVE_RETURN_IF_ERROR(Annotate(CheckName("a value", name), place));
  // Weights may be larger than other values; CheckProgramText tells them apart.
  RNNSERVE_RETURN_IF_ERROR(
      Annotate(CheckShape(shape, kProgramWeightElementsMax, absl::StrCat("'", name, "'")), place));
  if (name[0] == kAnonymousPrefix) {
    return InvalidProgram(absl::StrCat(place, ": the name '", name, "' begins with '",
                                       std::string(1, kAnonymousPrefix),
                                       "', which is kept for values without a name"));
  }
  const ValueId id = program_.values.size();
  if (!names_.try_emplace(name, id).second) {
    return InvalidProgram(
        absl::StrCat(place, ": there is another value '", name, "'; every name may be given once"));
  }
  program_.values.push_back({name, type, std::move(shape)});
  return id;
}

absl::StatusOr<Program::ValueId> ProgramReader::AddOperation(OpCode code,
                                                             std::vector<ValueId> operands,
                                                             Attributes attributes,
                                                             const std::string& name,
                                                             absl::string_view place) {
  RNNSERVE_ASSIGN_OR_RETURN(const ValueId id,
                            AddValue(name, ElementType::kFloat32, Shape(), place));
  program_.operations.push_back({code, std::move(operands), {id}, std::move(attributes)});
  RNNSERVE_RETURN_IF_ERROR(Annotate(InferResults(program_, program_.operations.back()), place));
  return id;
}

absl::StatusOr<Program::ValueId> ProgramReader::Find(const std::string& name,
                                                     const TextFields& fields) const {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  const absl::string_view shown = absl::string_view(name).substr(0, kProgramNameShown);
  if (const auto later = OperationWithResult(*operations_, name); later.has_value()) {
    return fields.Error(
        absl::StrCat("it reads '", shown, "' before operations[", *later,
                     "] computes it; move that operation"
                     " to the front. There are no cycles: a value of the step before is a state"));
  }
  return fields.Error(absl::StrCat("there is no value '", shown,
                                   "': no input, state, constant, weight or literal has that"
                                   " name, and no result of an operation"));
}

absl::StatusOr<const Json*> ProgramReader::Section(absl::string_view key, bool is_object) const {
  static const Json* const kNone = new Json(Json::array());
  const auto found = text_.find(std::string(key));
  if (found == text_.end()) return kNone;
  if (is_object ? found->is_object() : found->is_array()) return &*found;
  return InvalidProgram(absl::StrCat("'", key, "' is ", ShortText(*found), ", not ",
                                     is_object ? "an object" : "a list"));
}

absl::StatusOr<Program> ReadProgram(const Json& text, absl::string_view path) {
  auto program = ProgramReader(text).Read();
  if (!program.ok()) return Annotate(program.status(), path);
  return program;
}

}  // namespace rnnserve
