// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/infer_values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/dot_equation.h"
#include "core/program/limits.h"
#include "core/program/operation_traits.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

std::string NumberOfOperands(const OperationTraits& traits) {
  if (traits.operands_max == OperationTraits::kManyOperands) {
    return absl::StrCat(traits.operands_min, " or more operands");
  }
  if (traits.operands_min < traits.operands_max) {
    return absl::StrCat(traits.operands_min, " or ", traits.operands_max, " operands");
  }
  return absl::StrCat(traits.operands_min, traits.operands_min == 1 ? " operand" : " operands");
}

std::string NamesOf(const ElementTypes& types) {
  std::string names;
  for (const ElementType type : {ElementType::kFloat32, ElementType::kInt32, ElementType::kBool}) {
    if (types.Has(type))
      absl::StrAppend(&names, names.empty() ? "" : " or ", ElementTypeName(type));
  }
  return names;
}

absl::Status CheckRole(const OperationTraits& traits, OperandValues operands, size_t position,
                       const Program::Value& first_data) {
  const Program::Value& operand = *operands[position];
  switch (RoleOfOperand(traits.code, position)) {
    case OperandRole::kCondition:
      if (operand.type == ElementType::kBool) return absl::OkStatus();
      return InvalidProgram(
          absl::StrCat("operand ", position, " is ", ElementTypeName(operand.type),
                       ", but a condition is bool; compare it with 0 by the operation ne"));
    case OperandRole::kIndex:
      if (operand.type == ElementType::kInt32) return absl::OkStatus();
      return InvalidProgram(absl::StrCat("operand ", position, " is ",
                                         ElementTypeName(operand.type),
                                         ", but indices are int32; convert it with cast"));
    case OperandRole::kOther:
      return absl::OkStatus();
    case OperandRole::kData:
      break;
  }
  if (!traits.data_types.Has(operand.type)) {
    return InvalidProgram(absl::StrCat("operand ", position, " is ", ElementTypeName(operand.type),
                                       ", but ", traits.name, " takes ", NamesOf(traits.data_types),
                                       "; convert it with cast"));
  }
  if (operand.type != first_data.type) {
    return InvalidProgram(absl::StrCat("operand ", position, " is ", ElementTypeName(operand.type),
                                       ", but one before it is ", ElementTypeName(first_data.type),
                                       "; convert one of them with cast"));
  }
  return absl::OkStatus();
}

absl::Status CheckOperands(const OperationTraits& traits, OperandValues operands) {
  if (operands.size() < traits.operands_min || operands.size() > traits.operands_max) {
    return InvalidProgram(
        absl::StrCat(traits.name, " takes ", NumberOfOperands(traits), ", not ", operands.size()));
  }
  size_t first_data = 0;
  while (RoleOfOperand(traits.code, first_data) != OperandRole::kData) ++first_data;
  for (size_t i = 0; i < operands.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(
        CheckShape(operands[i]->shape, kProgramWeightElementsMax, absl::StrCat("operand ", i)));
    RNNSERVE_RETURN_IF_ERROR(CheckRole(traits, operands, i, *operands[first_data]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Shape> InferElementwise(OperandValues operands) {
  Shape shape = operands[0]->shape;
  for (const Program::Value* operand : operands.subspan(1)) {
    auto joint = BroadcastShape(shape, operand->shape);
    if (!joint.has_value()) {
      return InvalidProgram(
          absl::StrCat("the shapes ", shape.ToString(), " and ", operand->shape.ToString(),
                       " do not broadcast: counted from the last axis, extents must be equal or 1;"
                       " reshape one of the operands first"));
    }
    shape = *std::move(joint);
  }
  return shape;
}

absl::StatusOr<Shape> InferReduction(const OperationTraits& traits, const Attributes& attributes,
                                     const Shape& shape) {
  std::vector<int64_t> axes = attributes.axes;
  if ((traits.attributes & kAttributeAxis) != 0) axes = {attributes.axis};
  if (axes.empty()) return InvalidProgram("axes is empty; name the axes to reduce");
  for (const int64_t axis : axes) {
    RNNSERVE_RETURN_IF_ERROR(CheckAxis(axis, shape));
    if (std::count(axes.begin(), axes.end(), axis) > 1) {
      return InvalidProgram(absl::StrCat("axes names axis ", axis, " twice"));
    }
  }
  std::vector<int64_t> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (std::count(axes.begin(), axes.end(), axis) == 0) extents.push_back(shape[axis]);
  }
  return Shape(extents);
}

absl::StatusOr<Shape> InferScan(OpCode code, const Attributes& attributes, OperandValues operands) {
  const Shape& shape = operands[0]->shape;
  if (code != OpCode::kTopK) {
    RNNSERVE_RETURN_IF_ERROR(CheckAxis(attributes.axis, shape));
    for (const Program::Value* operand : operands) {
      if (operand->shape == shape) continue;
      return InvalidProgram(absl::StrCat("the operands of sort have the shapes ", shape.ToString(),
                                         " and ", operand->shape.ToString(),
                                         "; all must have the same"));
    }
    return shape;
  }
  if (shape.rank() == 0) return InvalidProgram("a scalar has no last axis; reshape it to [1]");
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  if (attributes.k < 1 || attributes.k > extents.back()) {
    return InvalidProgram(absl::StrCat("k is ", attributes.k, "; the last axis has ",
                                       extents.back(), " elements, so it must be from 1 to that"));
  }
  extents.back() = attributes.k;
  return Shape(extents);
}

absl::Status CheckLetters(const std::string& axes, const Shape& shape, absl::string_view which) {
  if (static_cast<int>(axes.size()) == shape.rank()) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("the equation gives the ", which, " operand ", axes.size(),
                                     " axes ('", axes, "'), but its shape is ", shape.ToString()));
}

absl::StatusOr<Shape> InferDot(const Attributes& attributes, OperandValues operands) {
  RNNSERVE_ASSIGN_OR_RETURN(const DotEquation equation, DotEquation::Parse(attributes.equation));
  const Shape& a = operands[0]->shape;
  const Shape& b = operands[1]->shape;
  RNNSERVE_RETURN_IF_ERROR(CheckLetters(equation.a, a, "first"));
  RNNSERVE_RETURN_IF_ERROR(CheckLetters(equation.b, b, "second"));
  for (size_t i = 0; i < equation.a.size(); ++i) {
    const size_t j = equation.b.find(equation.a[i]);
    if (j == std::string::npos) continue;
    if (a[static_cast<int>(i)] == b[static_cast<int>(j)]) continue;
    return InvalidProgram(absl::StrCat(
        "the axis '", std::string(1, equation.a[i]), "' has the extent ", a[static_cast<int>(i)],
        " in the first operand, but ", b[static_cast<int>(j)], " in the second"));
  }
  std::vector<int64_t> extents;
  for (const char letter : equation.result) {
    const size_t i = equation.a.find(letter);
    extents.push_back(i != std::string::npos ? a[static_cast<int>(i)]
                                             : b[static_cast<int>(equation.b.find(letter))]);
  }
  return Shape(extents);
}

absl::StatusOr<Shape> InferShape(const OperationTraits& traits, const Attributes& attributes,
                                 OperandValues operands) {
  switch (traits.kind) {
    case OperationKind::kElementwise:
      return InferElementwise(operands);
    case OperationKind::kMove:
    case OperationKind::kIndexed:
      return InferMove(traits.code, attributes, operands);
    case OperationKind::kReduction:
      return InferReduction(traits, attributes, operands[0]->shape);
    case OperationKind::kScan:
      return InferScan(traits.code, attributes, operands);
    case OperationKind::kProduct:
      return InferDot(attributes, operands);
    case OperationKind::kWindow:
      return InferWindow(traits.code, attributes, operands);
  }
  return InvalidProgram("there is no such operation");
}

ElementType TypeOfResult(const OperationTraits& traits, const Attributes& attributes,
                         OperandValues operands) {
  switch (traits.result_type) {
    case ResultType::kBool:
      return ElementType::kBool;
    case ResultType::kInt32:
      return ElementType::kInt32;
    case ResultType::kAttribute:
      return attributes.type;
    case ResultType::kSame:
      break;
  }
  return traits.code == OpCode::kWhere ? operands[1]->type : operands[0]->type;
}

}  // namespace

absl::StatusOr<std::vector<Program::Value>> InferValues(const Program& program,
                                                        const Program::Operation& operation) {
  const OperationTraits& traits = TraitsOf(operation.code);
  std::vector<const Program::Value*> operands;
  for (const Program::ValueId id : operation.operands) operands.push_back(&program.values.at(id));
  RNNSERVE_RETURN_IF_ERROR(CheckOperands(traits, operands));
  RNNSERVE_ASSIGN_OR_RETURN(Shape shape, InferShape(traits, operation.attributes, operands));
  RNNSERVE_RETURN_IF_ERROR(CheckShape(shape, kProgramElementsMax, "the result"));
  const ElementType type = TypeOfResult(traits, operation.attributes, operands);
  std::vector<Program::Value> results = {{"", type, shape}};
  if (operation.code == OpCode::kTopK) results.push_back({"", ElementType::kInt32, shape});
  if (operation.code == OpCode::kSort) {
    for (size_t i = 1; i < operands.size(); ++i) results.push_back({"", operands[i]->type, shape});
  }
  if (results.size() != operation.results.size()) {
    return InvalidProgram(absl::StrCat(traits.name, " has ", results.size(), " results here, but ",
                                       operation.results.size(), " are named"));
  }
  return results;
}

absl::Status InferResults(Program& program, const Program::Operation& operation) {
  auto results = InferValues(program, operation);
  if (!results.ok()) return results.status();
  for (size_t i = 0; i < results->size(); ++i) {
    Program::Value& value = program.values.at(operation.results[i]);
    value.type = (*results)[i].type;
    value.shape = std::move((*results)[i].shape);
  }
  return absl::OkStatus();
}

absl::Status InvalidProgram(absl::string_view text) {
  return InvalidArgument("PROGRAM_INVALID", text);
}

absl::Status TooLarge(absl::string_view text) { return InvalidArgument("MODEL_TOO_LARGE", text); }

absl::Status CheckShape(const Shape& shape, int64_t elements_max, absl::string_view what) {
  if (shape.rank() > kProgramRankMax) {
    return TooLarge(absl::StrCat(what, " has ", shape.rank(), " axes; at most ", kProgramRankMax,
                                 " are allowed"));
  }
  for (const int64_t extent : shape.extents()) {
    if (extent >= 1) continue;
    return InvalidProgram(absl::StrCat(what, " has the shape ", shape.ToString(),
                                       "; every extent must be at least 1"));
  }
  const auto elements = shape.NumElements();
  if (elements.has_value() && *elements <= elements_max) return absl::OkStatus();
  return TooLarge(absl::StrCat(what, " has the shape ", shape.ToString(), "; at most ",
                               elements_max, " elements are allowed"));
}

absl::Status CheckAxis(int64_t axis, const Shape& shape) {
  if (axis >= 0 && axis < shape.rank()) return absl::OkStatus();
  if (shape.rank() == 0) {
    return InvalidProgram(absl::StrCat("there is no axis ", axis, ": the operand is a scalar"));
  }
  return InvalidProgram(absl::StrCat("there is no axis ", axis, " in the shape ", shape.ToString(),
                                     "; axes are counted from 0 to ", shape.rank() - 1));
}

std::optional<Shape> BroadcastShape(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> extents(static_cast<size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const int64_t extent_a = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t extent_b = i <= b.rank() ? b[b.rank() - i] : 1;
    if (extent_a != extent_b && extent_a != 1 && extent_b != 1) return std::nullopt;
    extents[static_cast<size_t>(rank - i)] = extent_a == 1 ? extent_b : extent_a;
  }
  return Shape(extents);
}

std::string DescribeValue(const Program::Value& value) {
  return absl::StrCat(value.name, " ", ElementTypeName(value.type), " ", value.shape.ToString());
}

std::string DescribeOperation(const Program& program, const Program::Operation& operation) {
  constexpr size_t kShown = 6;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, operation.results.size()); ++i) {
    const Program::ValueId id = operation.results[i];
    if (id < program.values.size()) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", program.values[id].name);
    }
  }
  absl::StrAppend(&text, " = ", OpCodeName(operation.code), "(");
  for (size_t i = 0; i < std::min(kShown, operation.operands.size()); ++i) {
    const Program::ValueId id = operation.operands[i];
    absl::StrAppend(&text, i == 0 ? "" : ", ",
                    id < program.values.size() ? DescribeValue(program.values[id]) : "?");
  }
  absl::StrAppend(&text, operation.operands.size() > kShown ? ", ...)" : ")");
  return text;
}

}  // namespace rnnserve
