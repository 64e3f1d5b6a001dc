// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The part of ProgramReader that reads the operations of the text.

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/attributes_text.h"
#include "core/program/check_program.h"
#include "core/program/infer_values.h"
#include "core/program/operation_traits.h"
#include "core/program/program_reader.h"
#include "core/program/read_program.h"

namespace rnnserve {

absl::Status ProgramReader::CheckOperationNames() const {
  constexpr size_t kListed = 20;
  std::vector<std::string> unknown;  // each once, with its first place
  absl::flat_hash_map<std::string, size_t> seen;
  for (size_t i = 0; i < operations_->size(); ++i) {
    const Json& operation = (*operations_)[i];
    if (!operation.is_object() || !operation.contains("op") || !operation["op"].is_string()) {
      return InvalidProgram(
          absl::StrCat("operations[", i, "]: it is not an object whose 'op' names an operation"));
    }
    const auto name = operation["op"].get<std::string>();
    if (OpCodeFromName(name).has_value() || !seen.try_emplace(name, i).second) continue;
    if (unknown.size() >= kListed) continue;
    unknown.push_back(
        absl::StrCat("'", name.substr(0, kProgramNameShown), "' (operations[", i, "])"));
  }
  if (unknown.empty()) return absl::OkStatus();
  const size_t left = seen.size() - unknown.size();
  return MakeError(absl::StatusCode::kUnimplemented, "PROGRAM_UNSUPPORTED",
                   absl::StrCat("operations are not known: ", absl::StrJoin(unknown, ", "),
                                left == 0 ? "" : absl::StrCat(" and ", left, " more"),
                                "; PROGRAMS.md lists those that are"));
}

absl::Status ProgramReader::ReadOperation(const Json& operation, size_t number) {
  const OpCode code = *OpCodeFromName(operation["op"].get<std::string>());
  std::vector<absl::string_view> keys = AttributeKeys(code);
  keys.insert(keys.begin(), {"op", "in", "out"});
  RNNSERVE_ASSIGN_OR_RETURN(
      const TextFields fields,
      TextFields::Create(operation, absl::StrCat("operations[", number, "], ", OpCodeName(code)),
                         keys));
  Program::Operation read;
  read.code = code;
  RNNSERVE_ASSIGN_OR_RETURN(read.operands, ReadOperands(code, fields));
  const int rank = read.operands.empty() ? 0 : program_.values[read.operands[0]].shape.rank();
  RNNSERVE_ASSIGN_OR_RETURN(
      read.attributes, ReadAttributes(code, fields, static_cast<size_t>(std::max(rank - 1, 0))));
  RNNSERVE_ASSIGN_OR_RETURN(read.results, ReadResults(operation, fields));
  program_.operations.push_back(read);
  return Annotate(InferResults(program_, read),
                  PlaceOf(program_, program_.operations.size() - 1, num_added_));
}

absl::StatusOr<std::vector<Program::ValueId>> ProgramReader::ReadOperands(
    OpCode code, const TextFields& fields) {
  RNNSERVE_ASSIGN_OR_RETURN(const Json* operands, fields.List("in"));
  std::vector<ValueId> ids;
  for (size_t i = 0; i < operands->size(); ++i) {
    const Json& operand = (*operands)[i];
    if (operand.is_string()) {
      RNNSERVE_ASSIGN_OR_RETURN(const ValueId id, Find(operand.get<std::string>(), fields));
      ids.push_back(id);
    } else if (operand.is_number() || operand.is_boolean()) {
      RNNSERVE_ASSIGN_OR_RETURN(const ElementType type, TypeOfNumber(code, *operands, i));
      RNNSERVE_ASSIGN_OR_RETURN(const ValueId id, Number(operand, type, fields));
      ids.push_back(id);
    } else {
      return fields.Error(absl::StrCat("operand ", i, " is ", ShortText(operand),
                                       ", not a name, a number, true or false"));
    }
  }
  return ids;
}

// A number takes the type of the named operands beside it, so that {"in": ["x", 1]} means what it
// seems to mean. A whole float and an integer are told apart by the point.
absl::StatusOr<ElementType> ProgramReader::TypeOfNumber(OpCode code, const Json& operands,
                                                        size_t position) const {
  const OperandRole role = RoleOfOperand(code, position);
  if (role == OperandRole::kIndex) return ElementType::kInt32;
  if (operands[position].is_boolean()) return ElementType::kBool;
  if (role == OperandRole::kCondition) return ElementType::kBool;
  const ElementType written =
      operands[position].is_number_float() ? ElementType::kFloat32 : ElementType::kInt32;
  if (written == ElementType::kFloat32 || role == OperandRole::kOther) return written;
  ElementType type = written;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (RoleOfOperand(code, i) != OperandRole::kData) continue;
    if (operands[i].is_number_float()) type = ElementType::kFloat32;
    if (!operands[i].is_string()) continue;
    const auto found = names_.find(operands[i].get<std::string>());
    if (found != names_.end()) return program_.values[found->second].type;
  }
  return type;
}

absl::StatusOr<Program::ValueId> ProgramReader::Number(const Json& number, ElementType type,
                                                       const TextFields& fields) {
  uint32_t bits = 0;
  Program::Literal literal;
  if (type == ElementType::kFloat32) {
    const auto element = FloatElement(number);
    if (!element.has_value()) return fields.Error(ElementError(number, type));
    bits = std::bit_cast<uint32_t>(*element);
    literal.elements = std::vector<float>{*element};
  } else {
    const auto element = IntegerElement(number, type);
    if (!element.has_value()) return fields.Error(ElementError(number, type));
    bits = std::bit_cast<uint32_t>(*element);
    literal.elements = std::vector<int32_t>{*element};
  }
  const auto [known, is_new] = numbers_.try_emplace({type, bits}, program_.values.size());
  if (!is_new) return known->second;
  literal.value = program_.values.size();
  program_.values.push_back(
      {absl::StrCat(std::string(1, kAnonymousPrefix), numbers_.size() - 1), type, Shape()});
  program_.literals.push_back(std::move(literal));
  return known->second;
}

absl::StatusOr<std::vector<Program::ValueId>> ProgramReader::ReadResults(const Json& operation,
                                                                         const TextFields& fields) {
  std::vector<std::string> names;
  if (operation.contains("out") && operation["out"].is_array()) {
    for (const Json& name : operation["out"]) {
      if (!name.is_string()) return fields.Error("'out' is neither a name nor a list of names");
      names.push_back(name.get<std::string>());
    }
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(std::string name, fields.String("out"));
    names.push_back(std::move(name));
  }
  std::vector<ValueId> ids;
  for (const std::string& name : names) {
    RNNSERVE_ASSIGN_OR_RETURN(const ValueId id,
                              AddValue(name, ElementType::kFloat32, Shape(), fields.place()));
    ids.push_back(id);
  }
  return ids;
}

}  // namespace rnnserve
