// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/check_program.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/infer_values.h"
#include "core/program/limits.h"
#include "core/program/operation_traits.h"
#include "core/program/program_work.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

using ValueId = Program::ValueId;

// Goes through a program once and knows which values are computed so far.
class ProgramCheck {
 public:
  ProgramCheck(const Program& program, size_t num_added)
      : program_(program), num_added_(num_added), is_known_(program.values.size()) {}

  absl::Status Run();

 private:
  absl::Status CheckCounts() const;
  absl::Status CheckNames() const;
  // Notes that the value has a source. `what` names the source in error texts.
  absl::Status Declare(ValueId id, absl::string_view what, int64_t elements_max);
  absl::Status DeclareAll();
  absl::Status CheckLiteral(const Program::Literal& literal);
  absl::Status CheckLiteralElements(const Program::Literal& literal) const;
  absl::Status CheckOperation(const Program::Operation& operation);
  absl::Status CheckResult(ValueId id, const Program::Value& inferred);
  absl::Status CheckGather(const Program::Operation& operation) const;
  absl::Status CheckState(const Program::State& state) const;
  absl::Status CheckOutputs() const;
  absl::Status CheckTotals();

  // Checks that a next state or an output is not one of the numbers among the operands, which have
  // no name in the text.
  absl::Status CheckNamed(ValueId id, absl::string_view what, absl::string_view name) const;

  const std::string& NameOf(ValueId id) const { return program_.values[id].name; }

  const Program& program_;
  const size_t num_added_;
  std::vector<bool> is_known_;
  absl::flat_hash_map<ValueId, const Program::Literal*> literals_;
  absl::flat_hash_map<absl::string_view, ValueId> weights_;
  int64_t num_literal_elements_ = 0;
};

absl::Status ProgramCheck::Run() {
  RNNSERVE_RETURN_IF_ERROR(CheckCounts());
  RNNSERVE_RETURN_IF_ERROR(CheckNames());
  RNNSERVE_RETURN_IF_ERROR(DeclareAll());
  for (size_t i = 0; i < program_.operations.size(); ++i) {
    const absl::Status status = CheckOperation(program_.operations[i]);
    if (!status.ok()) return Annotate(status, PlaceOf(program_, i, num_added_));
  }
  for (size_t id = 0; id < program_.values.size(); ++id) {
    if (is_known_[id]) continue;
    return InvalidProgram(absl::StrCat("the value '", NameOf(id), "' is the result of nothing"));
  }
  for (const Program::State& state : program_.states) {
    RNNSERVE_RETURN_IF_ERROR(CheckState(state));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckOutputs());
  return CheckTotals();
}

absl::Status ProgramCheck::CheckCounts() const {
  RNNSERVE_RETURN_IF_ERROR(CheckCount("operations", program_.operations.size(), 0,
                                      kProgramOperationsMax + static_cast<int64_t>(num_added_)));
  RNNSERVE_RETURN_IF_ERROR(CheckCount("inputs", program_.inputs.size(), 1, kProgramInputsMax));
  RNNSERVE_RETURN_IF_ERROR(CheckCount("states", program_.states.size(), 0, kProgramStatesMax));
  RNNSERVE_RETURN_IF_ERROR(
      CheckCount("constants", program_.constants.size(), 0, kProgramConstantsMax));
  RNNSERVE_RETURN_IF_ERROR(CheckCount("weights", program_.weights.size(), 0, kProgramWeightsMax));
  RNNSERVE_RETURN_IF_ERROR(
      CheckCount("literals", program_.literals.size(), 0, kProgramLiteralsMax));
  return CheckCount("outputs", program_.outputs.size(), 1, kProgramOutputsMax);
}

absl::Status ProgramCheck::CheckNames() const {
  absl::flat_hash_set<absl::string_view> names;
  for (const Program::Value& value : program_.values) {
    RNNSERVE_RETURN_IF_ERROR(CheckName("a value", value.name));
    if (value.name[0] == kAnonymousPrefix && value.shape.rank() != 0) {
      return InvalidProgram(absl::StrCat(
          "the value '", value.name, "' is not a scalar; names with '",
          std::string(1, kAnonymousPrefix), "' are kept for numbers among the operands"));
    }
    if (names.insert(value.name).second) continue;
    return InvalidProgram(
        absl::StrCat("two values have the name '", value.name, "'; rename one of them"));
  }
  return absl::OkStatus();
}

absl::Status ProgramCheck::Declare(ValueId id, absl::string_view what, int64_t elements_max) {
  if (id >= program_.values.size()) {
    return InvalidProgram(absl::StrCat(what, " is value ", id, " of ", program_.values.size()));
  }
  if (is_known_[id]) {
    return InvalidProgram(absl::StrCat("the value '", NameOf(id), "' is defined twice"));
  }
  is_known_[id] = true;
  return CheckShape(program_.values[id].shape, elements_max,
                    absl::StrCat(what, " '", NameOf(id), "'"));
}

absl::Status ProgramCheck::DeclareAll() {
  for (const ValueId id : program_.inputs) {
    RNNSERVE_RETURN_IF_ERROR(Declare(id, "the input", kProgramElementsMax));
  }
  for (const Program::State& state : program_.states) {
    RNNSERVE_RETURN_IF_ERROR(Declare(state.value, "the state", kProgramElementsMax));
  }
  for (const ValueId id : program_.constants) {
    RNNSERVE_RETURN_IF_ERROR(Declare(id, "the constant", kProgramElementsMax));
  }
  for (const ValueId id : program_.weights) {
    RNNSERVE_RETURN_IF_ERROR(Declare(id, "the weight", kProgramWeightElementsMax));
    if (program_.values[id].type != ElementType::kFloat32) {
      return InvalidProgram(absl::StrCat("the weight '", NameOf(id), "' is ",
                                         ElementTypeName(program_.values[id].type),
                                         "; weights are float32. Convert it with cast, or make it"
                                         " a literal"));
    }
    weights_[NameOf(id)] = id;
  }
  for (const Program::Literal& literal : program_.literals) {
    RNNSERVE_RETURN_IF_ERROR(CheckLiteral(literal));
  }
  return absl::OkStatus();
}

absl::Status ProgramCheck::CheckLiteral(const Program::Literal& literal) {
  RNNSERVE_RETURN_IF_ERROR(Declare(literal.value, "the literal", kProgramLiteralsMax));
  num_literal_elements_ += *program_.values[literal.value].shape.NumElements();
  if (num_literal_elements_ > kProgramLiteralsMax) {
    return TooLarge(absl::StrCat("all literals together have more than ", kProgramLiteralsMax,
                                 " elements; make large ones weights"));
  }
  literals_[literal.value] = &literal;
  return Annotate(CheckLiteralElements(literal),
                  absl::StrCat("the literal '", NameOf(literal.value), "'"));
}

absl::Status ProgramCheck::CheckLiteralElements(const Program::Literal& literal) const {
  const Program::Value& value = program_.values[literal.value];
  const auto* floats = std::get_if<std::vector<float>>(&literal.elements);
  const auto* integers = std::get_if<std::vector<int32_t>>(&literal.elements);
  if ((floats != nullptr) != (value.type == ElementType::kFloat32)) {
    return InvalidProgram(
        absl::StrCat("its elements do not have its type, ", ElementTypeName(value.type)));
  }
  const size_t size = floats != nullptr ? floats->size() : integers->size();
  if (static_cast<int64_t>(size) != value.shape.NumElements()) {
    return InvalidProgram(
        absl::StrCat("it has ", size, " elements, but the shape ", value.shape.ToString()));
  }
  if (floats != nullptr) {
    for (const float element : *floats) {
      if (!std::isfinite(element)) return InvalidProgram(absl::StrCat("it holds ", element));
    }
  }
  if (value.type == ElementType::kBool) {
    for (const int32_t element : *integers) {
      if (element != 0 && element != 1) {
        return InvalidProgram(absl::StrCat("it is bool, but holds ", element));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ProgramCheck::CheckOperation(const Program::Operation& operation) {
  for (const ValueId id : operation.operands) {
    if (id >= program_.values.size()) {
      return InvalidProgram(
          absl::StrCat("an operand is value ", id, " of ", program_.values.size()));
    }
    if (is_known_[id]) continue;
    return InvalidProgram(
        absl::StrCat("it reads '", NameOf(id), "', which is not computed before"));
  }
  for (const ValueId id : operation.results) {
    if (id >= program_.values.size()) {
      return InvalidProgram(absl::StrCat("a result is value ", id, " of ", program_.values.size()));
    }
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Program::Value> inferred,
                            InferValues(program_, operation));
  for (size_t i = 0; i < inferred.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(CheckResult(operation.results[i], inferred[i]));
  }
  return operation.code == OpCode::kGather ? CheckGather(operation) : absl::OkStatus();
}

absl::Status ProgramCheck::CheckResult(ValueId id, const Program::Value& inferred) {
  const Program::Value& value = program_.values[id];
  if (is_known_[id]) {
    return InvalidProgram(absl::StrCat("the value '", value.name, "' is defined twice"));
  }
  is_known_[id] = true;
  if (value.type == inferred.type && value.shape == inferred.shape) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("the result '", DescribeValue(value), "' should be ",
                                     ElementTypeName(inferred.type), " ",
                                     inferred.shape.ToString()));
}

absl::Status ProgramCheck::CheckGather(const Program::Operation& operation) const {
  const auto literal = literals_.find(operation.operands[1]);
  if (literal == literals_.end()) {
    return InvalidProgram(
        "the indices of gather must be a literal; use take for indices that are computed");
  }
  const int64_t extent =
      program_.values[operation.operands[0]].shape[static_cast<int>(operation.attributes.axis)];
  for (const int32_t index : std::get<std::vector<int32_t>>(literal->second->elements)) {
    if (index >= 0 && index < extent) continue;
    return InvalidProgram(absl::StrCat("the index ", index, " is not from 0 to ", extent - 1,
                                       ", the last element of axis ", operation.attributes.axis));
  }
  return absl::OkStatus();
}

absl::Status ProgramCheck::CheckState(const Program::State& state) const {
  const Program::Value& value = program_.values[state.value];
  if (state.next >= program_.values.size()) {
    return InvalidProgram(absl::StrCat("the state '", value.name, "' has no next value"));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckNamed(state.next, "the state", value.name));
  const Program::Value& next = program_.values[state.next];
  if (value.type != next.type || !(value.shape == next.shape)) {
    return InvalidProgram(absl::StrCat("the state ", DescribeValue(value), " becomes ",
                                       DescribeValue(next), "; type and shape must stay the same"));
  }
  if (state.initial.empty()) return absl::OkStatus();
  const auto weight = weights_.find(state.initial);
  if (weight == weights_.end()) {
    return InvalidProgram(absl::StrCat("the state '", value.name, "' begins with '", state.initial,
                                       "', but there is no weight of that name"));
  }
  const Program::Value& initial = program_.values[weight->second];
  if (initial.shape == value.shape) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("the state '", value.name, "' of shape ",
                                     value.shape.ToString(), " begins with the weight '",
                                     initial.name, "' of shape ", initial.shape.ToString()));
}

absl::Status ProgramCheck::CheckOutputs() const {
  absl::flat_hash_set<absl::string_view> names;
  for (const Program::Output& output : program_.outputs) {
    RNNSERVE_RETURN_IF_ERROR(CheckName("an output", output.name));
    if (!names.insert(output.name).second) {
      return InvalidProgram(
          absl::StrCat("two outputs have the name '", output.name, "'; rename one of them"));
    }
    if (output.value >= program_.values.size()) {
      return InvalidProgram(absl::StrCat("the output '", output.name, "' has no value"));
    }
    RNNSERVE_RETURN_IF_ERROR(CheckNamed(output.value, "the output", output.name));
    RNNSERVE_RETURN_IF_ERROR(CheckShape(program_.values[output.value].shape, kProgramElementsMax,
                                        absl::StrCat("the output '", output.name, "'")));
  }
  return absl::OkStatus();
}

absl::Status ProgramCheck::CheckNamed(ValueId id, absl::string_view what,
                                      absl::string_view name) const {
  if (NameOf(id)[0] != kAnonymousPrefix) return absl::OkStatus();
  return InvalidProgram(absl::StrCat(what, " '", name, "' is the value '", NameOf(id),
                                     "', which has no name in the text; give the literal a name"));
}

absl::Status ProgramCheck::CheckTotals() {
  // Every value has a limit, so it would take 2^41 of them for the sum to overflow. Weights have a
  // limit of their own.
  int64_t elements = 0;
  for (ValueId id = 0; id < program_.values.size(); ++id) {
    if (!weights_.contains(NameOf(id))) elements += *program_.values[id].shape.NumElements();
  }
  if (elements > kProgramArenaMax) {
    return TooLarge(absl::StrCat("all values of one row have ", elements,
                                 " elements together; at most ", kProgramArenaMax, " are allowed"));
  }
  int64_t work = 0;
  for (size_t i = 0; i < program_.operations.size(); ++i) {
    work += std::min(WorkOf(program_, program_.operations[i]), kProgramWorkMax + 1);
    if (work <= kProgramWorkMax) continue;
    return TooLarge(absl::StrCat("up to ", PlaceOf(program_, i, num_added_),
                                 ", a step of one row takes more than ", kProgramWorkMax,
                                 " multiply-adds"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProgramText(const Program& program, size_t num_added) {
  return ProgramCheck(program, num_added).Run();
}

absl::Status CheckProgram(const Program& program, absl::string_view path) {
  return Annotate(CheckProgramText(program, 0), path);
}

absl::Status CheckCount(absl::string_view what, size_t count, int64_t least, int64_t most) {
  if (static_cast<int64_t>(count) > most) {
    return TooLarge(
        absl::StrCat("the program has ", count, " ", what, "; at most ", most, " are allowed"));
  }
  if (static_cast<int64_t>(count) >= least) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("the program has no ", what, "; it needs at least ", least));
}

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (name.empty()) return InvalidProgram(absl::StrCat(what, " has an empty name"));
  if (static_cast<int64_t>(name.size()) <= kProgramNameBytesMax) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("the name of ", what, " has ", name.size(), " bytes; at most ",
                                     kProgramNameBytesMax, " are allowed"));
}

std::string PlaceOf(const Program& program, size_t number, size_t num_added) {
  const std::string operation = DescribeOperation(program, program.operations[number]);
  if (number < num_added) return absl::StrCat("the overlap, ", operation);
  return absl::StrCat("operations[", number - num_added, "], ", operation);
}

}  // namespace rnnserve
