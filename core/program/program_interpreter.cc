// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/program_interpreter.h"

#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/initial_state.h"
#include "core/program/interpret.h"
#include "core/program/operation_traits.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;

// Floats hold all whole numbers up to here.
constexpr int32_t kWholeFloatMax = 1 << 24;

Elements FromFloats(absl::Span<const float> floats, ElementType type) {
  Elements elements;
  for (const float value : floats) {
    elements.push_back(CastElement(FromFloat(value), ElementType::kFloat32, type));
  }
  return elements;
}

std::vector<float> ToFloats(const Elements& elements, ElementType type) {
  std::vector<float> floats;
  for (const uint32_t element : elements) {
    const bool is_exact = type != ElementType::kInt32 || (AsInteger(element) <= kWholeFloatMax &&
                                                          AsInteger(element) >= -kWholeFloatMax);
    floats.push_back(is_exact ? AsFloat(CastElement(element, type, ElementType::kFloat32))
                              : std::numeric_limits<float>::quiet_NaN());
  }
  return floats;
}

Elements ElementsOf(const Program::Literal& literal) {
  Elements elements;
  if (const auto* floats = std::get_if<std::vector<float>>(&literal.elements)) {
    for (const float value : *floats) elements.push_back(FromFloat(value));
  } else {
    for (const int32_t value : std::get<std::vector<int32_t>>(literal.elements)) {
      elements.push_back(FromInteger(value));
    }
  }
  return elements;
}

}  // namespace

absl::StatusOr<ProgramInterpreter> ProgramInterpreter::Create(Program program,
                                                              WeightSource& weights) {
  ProgramInterpreter interpreter;
  interpreter.known_.resize(program.values.size());
  for (const Program::ValueId id : program.weights) {
    const Program::Value& value = program.values[id];
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> weight,
                              weights.Weight(value.name, value.shape));
    interpreter.known_[id] = FromFloats(weight, ElementType::kFloat32);
  }
  for (const Program::State& state : program.states) {
    if (state.initial.empty()) continue;
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> weight,
                              weights.Weight(state.initial, program.values[state.value].shape));
    RNNSERVE_RETURN_IF_ERROR(CheckInitialState(program, state, weight));
  }
  for (const Program::Literal& literal : program.literals) {
    interpreter.known_[literal.value] = ElementsOf(literal);
  }
  interpreter.program_ = std::move(program);
  return interpreter;
}

ProgramInterpreter::Result ProgramInterpreter::Run(const Row& row) const {
  std::vector<Elements> values = known_;
  const auto set = [this, &values](Program::ValueId id, absl::Span<const float> floats) {
    values[id] = FromFloats(floats, program_.values[id].type);
  };
  for (size_t i = 0; i < program_.inputs.size(); ++i) set(program_.inputs[i], row.inputs[i]);
  for (size_t i = 0; i < program_.states.size(); ++i) set(program_.states[i].value, row.states[i]);
  for (size_t i = 0; i < program_.constants.size(); ++i) {
    set(program_.constants[i], row.constants[i]);
  }
  for (const Program::Operation& operation : program_.operations) {
    std::vector<const Elements*> operands;
    for (const Program::ValueId id : operation.operands) operands.push_back(&values[id]);
    std::vector<Elements> results = Compute(program_, operation, operands);
    for (size_t i = 0; i < results.size(); ++i) {
      values[operation.results[i]] = std::move(results[i]);
    }
  }
  Result result;
  const auto get = [this, &values](Program::ValueId id) {
    return ToFloats(values[id], program_.values[id].type);
  };
  for (const Program::Output& output : program_.outputs)
    result.outputs.push_back(get(output.value));
  for (const Program::State& state : program_.states) result.next_states.push_back(get(state.next));
  return result;
}

std::vector<Elements> ProgramInterpreter::Compute(const Program& program,
                                                  const Program::Operation& operation,
                                                  absl::Span<const Elements* const> operands) {
  const Interpretation at{program, operation, operands};
  switch (TraitsOf(operation.code).kind) {
    case OperationKind::kElementwise:
      return InterpretElementwise(at);
    case OperationKind::kMove:
      return InterpretMove(at);
    case OperationKind::kIndexed:
      return InterpretIndexed(at);
    case OperationKind::kReduction:
      return InterpretReduction(at);
    case OperationKind::kScan:
      return InterpretScan(at);
    case OperationKind::kProduct:
      return InterpretProduct(at);
    case OperationKind::kWindow:
      return InterpretWindow(at);
  }
  return {};
}

bool Position::Next() {
  for (size_t axis = indices_.size(); axis-- > 0;) {
    if (++indices_[axis] < shape_[static_cast<int>(axis)]) return true;
    indices_[axis] = 0;
  }
  return false;
}

size_t OffsetOf(const Shape& shape, absl::Span<const int64_t> indices) {
  int64_t offset = 0;
  for (size_t axis = 0; axis < indices.size(); ++axis) {
    offset = offset * shape[static_cast<int>(axis)] + indices[axis];
  }
  return static_cast<size_t>(offset);
}

AxisView::AxisView(const Shape& shape, int64_t axis) {
  for (int i = 0; i < shape.rank(); ++i) {
    const size_t length = static_cast<size_t>(shape[i]);
    if (i < axis) outer *= length;
    if (i == axis) extent = length;
    if (i > axis) inner *= length;
  }
}

}  // namespace rnnserve
