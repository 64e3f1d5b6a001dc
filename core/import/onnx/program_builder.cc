// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/program_builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/fold.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

// Neither the weight file nor the text of a program can hold numbers that are not finite.
bool IsFinite(const OnnxTensor& tensor) {
  if (tensor.type != ElementType::kFloat32) return true;
  return std::all_of(tensor.floats().begin(), tensor.floats().end(),
                     [](float value) { return std::isfinite(value); });
}

// A tensor of several floats becomes a weight.
bool IsWeight(const OnnxTensor& tensor) {
  return tensor.type == ElementType::kFloat32 && tensor.size() > 1;
}

absl::StatusOr<std::vector<int32_t>> Narrow(const std::vector<int64_t>& integers) {
  std::vector<int32_t> narrow;
  narrow.reserve(integers.size());
  for (int64_t value : integers) {
    if (value != static_cast<int32_t>(value)) {
      return InvalidArgument(
          "MODEL_CONFIG",
          absl::StrCat("the integer ", value, " is used at run time, where integers have 32 bits"));
    }
    narrow.push_back(static_cast<int32_t>(value));
  }
  return narrow;
}

// Names of weights become paths in the weight file.
std::string WeightName(absl::string_view name) {
  std::string clean(name);
  std::replace_if(
      clean.begin(), clean.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '.' || c == '-');
      },
      '_');
  return clean.empty() ? "weight" : clean;
}

}  // namespace

BuiltValue::BuiltValue(std::shared_ptr<const OnnxTensor> tensor, absl::string_view name)
    : type_(tensor->type), shape_(tensor->shape), tensor_(std::move(tensor)), name_(name) {}

BuiltValue::BuiltValue(OnnxTensor tensor, absl::string_view name)
    : BuiltValue(std::make_shared<const OnnxTensor>(std::move(tensor)), name) {}

ProgramBuilder::ProgramBuilder() = default;

std::string ProgramBuilder::UnusedName(absl::string_view wish) {
  std::string name(wish);
  while (name.empty() || !names_.insert(name).second) {
    name = absl::StrCat(wish.empty() ? "t" : absl::StrCat(wish, "_"), ++next_number_);
  }
  return name;
}

BuiltValue ProgramBuilder::ValueOf(Program::ValueId id) const {
  BuiltValue value;
  value.type_ = program_.values[id].type;
  value.shape_ = program_.values[id].shape;
  value.id_ = id;
  return value;
}

absl::StatusOr<Program::ValueId> ProgramBuilder::NewValue(absl::string_view name, ElementType type,
                                                          const Shape& shape) {
  if (!names_.emplace(name).second) {
    return InvalidArgument("MODEL_CONFIG", absl::StrCat("there are two values named '", name, "'"));
  }
  program_.values.push_back({std::string(name), type, shape});
  return program_.values.size() - 1;
}

absl::StatusOr<Program::ValueId> ProgramBuilder::Materialize(const BuiltValue& value) {
  if (!value.is_known()) return value.id_;
  const OnnxTensor& tensor = value.tensor();
  if (const auto found = materialized_.find(&tensor); found != materialized_.end()) {
    return found->second;
  }
  if (!IsFinite(tensor)) {
    const Program::ValueId id = MaterializeNonFinite(value);
    materialized_[&tensor] = id;
    kept_.push_back(value.tensor_);
    return id;
  }
  const Program::ValueId id = program_.values.size();
  const bool is_weight = IsWeight(tensor);
  if (is_weight) {
    program_.weights.push_back(id);
    weights_[id] = value.tensor_;
  } else if (tensor.type == ElementType::kFloat32) {
    program_.literals.push_back({id, tensor.floats()});
  } else {
    RNNSERVE_ASSIGN_OR_RETURN(std::vector<int32_t> elements, Narrow(tensor.integers()));
    program_.literals.push_back({id, std::move(elements)});
  }
  const std::string name = UnusedName(is_weight ? WeightName(value.name_) : "");
  program_.values.push_back({name, tensor.type, tensor.shape});
  materialized_[&tensor] = id;
  kept_.push_back(value.tensor_);
  return id;
}

Program::ValueId ProgramBuilder::AddLiteral(OnnxTensor tensor) {
  const Program::ValueId id = program_.values.size();
  program_.values.push_back({UnusedName(""), tensor.type, tensor.shape});
  if (tensor.type == ElementType::kFloat32) {
    program_.literals.push_back({id, tensor.floats()});
  } else {
    program_.literals.push_back(
        {id, std::vector<int32_t>(tensor.integers().begin(), tensor.integers().end())});
  }
  return id;
}

Program::ValueId ProgramBuilder::AddOperation(OpCode code, std::vector<Program::ValueId> operands,
                                              const Shape& shape) {
  const Program::ValueId id = program_.values.size();
  program_.values.push_back({UnusedName(""), ElementType::kFloat32, shape});
  program_.operations.push_back({code, std::move(operands), {id}, {}});
  return id;
}

Program::ValueId ProgramBuilder::MaterializeNonFinite(const BuiltValue& value) {
  const std::vector<float>& floats = value.tensor().floats();
  // The elements that are finite, and zeros in place of the others.
  std::vector<float> finite;
  for (const float number : floats) finite.push_back(std::isfinite(number) ? number : 0.0f);
  OnnxTensor tensor{ElementType::kFloat32, value.shape(), std::move(finite)};
  Program::ValueId id = *Materialize(BuiltValue(std::move(tensor), value.name_));
  // A number divided by zero is infinite, and zero divided by zero no number.
  const auto fill = [&](float dividend, auto is_this) {
    std::vector<int64_t> places;
    for (const float number : floats) places.push_back(is_this(number));
    if (std::find(places.begin(), places.end(), 1) == places.end()) return;
    const Program::ValueId quotient =
        AddOperation(OpCode::kDiv,
                     {AddLiteral(ScalarTensor(dividend)), AddLiteral(ScalarTensor(0.0f))}, Shape());
    const Program::ValueId mask =
        AddLiteral({ElementType::kBool, value.shape(), std::move(places)});
    id = AddOperation(OpCode::kWhere, {mask, quotient, id}, value.shape());
  };
  fill(1.0f, [](float number) { return std::isinf(number) && number > 0.0f; });
  fill(-1.0f, [](float number) { return std::isinf(number) && number < 0.0f; });
  fill(0.0f, [](float number) { return std::isnan(number); });
  return id;
}

absl::StatusOr<std::vector<BuiltValue>> ProgramBuilder::AddAll(
    OpCode code, absl::Span<const BuiltValue> operands, Attributes attributes) {
  if (std::all_of(operands.begin(), operands.end(),
                  [](const BuiltValue& operand) { return operand.is_known(); })) {
    std::vector<const OnnxTensor*> tensors;
    for (const BuiltValue& operand : operands) tensors.push_back(&operand.tensor());
    RNNSERVE_ASSIGN_OR_RETURN(std::vector<OnnxTensor> folded, Fold(code, tensors, attributes));
    std::vector<BuiltValue> results;
    for (OnnxTensor& tensor : folded) {
      results.emplace_back(std::move(tensor), operands.front().name_);
    }
    return results;
  }
  Program::Operation operation;
  operation.code = code;
  operation.attributes = std::move(attributes);
  for (const BuiltValue& operand : operands) {
    RNNSERVE_ASSIGN_OR_RETURN(const Program::ValueId id, Materialize(operand));
    operation.operands.push_back(id);
  }
  const size_t num_results = code == OpCode::kTopK   ? 2
                             : code == OpCode::kSort ? operands.size()
                                                     : 1;
  for (size_t i = 0; i < num_results; ++i) {
    operation.results.push_back(program_.values.size());
    program_.values.push_back({UnusedName(""), ElementType::kFloat32, Shape{}});
  }
  RNNSERVE_RETURN_IF_ERROR(InferResults(program_, operation));
  std::vector<BuiltValue> results;
  for (Program::ValueId id : operation.results) results.push_back(ValueOf(id));
  program_.operations.push_back(std::move(operation));
  return results;
}

absl::StatusOr<BuiltValue> ProgramBuilder::Add(OpCode code, absl::Span<const BuiltValue> operands,
                                               Attributes attributes) {
  RNNSERVE_ASSIGN_OR_RETURN(std::vector<BuiltValue> results,
                            AddAll(code, operands, std::move(attributes)));
  return std::move(results.front());
}

absl::StatusOr<BuiltValue> ProgramBuilder::Add(OpCode code,
                                               std::initializer_list<BuiltValue> operands,
                                               Attributes attributes) {
  return Add(code, absl::MakeConstSpan(operands.begin(), operands.size()), std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Cast(const BuiltValue& x, ElementType type) {
  if (x.type() == type) return x;
  Attributes attributes;
  attributes.type = type;
  return Add(OpCode::kCast, {x}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Reshape(const BuiltValue& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Attributes attributes;
  attributes.shape = shape;
  return Add(OpCode::kReshape, {x}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Broadcast(const BuiltValue& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Attributes attributes;
  attributes.shape = shape;
  return Add(OpCode::kBroadcast, {x}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Transpose(const BuiltValue& x,
                                                     std::vector<int64_t> perm) {
  if (std::is_sorted(perm.begin(), perm.end()) && static_cast<int>(perm.size()) == x.rank()) {
    return x;
  }
  Attributes attributes;
  attributes.perm = std::move(perm);
  return Add(OpCode::kTranspose, {x}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Slice(const BuiltValue& x, int axis, int64_t start,
                                                 int64_t limit) {
  if (start == 0 && limit == x.shape()[axis]) return x;
  Attributes attributes;
  for (int i = 0; i < x.rank(); ++i) attributes.slices.push_back({0, x.shape()[i], 1});
  attributes.slices[static_cast<size_t>(axis)] = {start, limit, 1};
  return Add(OpCode::kSlice, {x}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Concat(absl::Span<const BuiltValue> parts, int axis) {
  if (parts.size() == 1) return parts.front();
  Attributes attributes;
  attributes.axis = axis;
  return Add(OpCode::kConcat, parts, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::Dot(const BuiltValue& a, const BuiltValue& b,
                                               absl::string_view equation) {
  Attributes attributes;
  attributes.equation = std::string(equation);
  return Add(OpCode::kDot, {a, b}, std::move(attributes));
}

absl::StatusOr<BuiltValue> ProgramBuilder::AddInput(absl::string_view name, ElementType type,
                                                    const Shape& shape) {
  RNNSERVE_ASSIGN_OR_RETURN(const Program::ValueId id, NewValue(name, type, shape));
  program_.inputs.push_back(id);
  return ValueOf(id);
}

absl::StatusOr<BuiltValue> ProgramBuilder::AddConstant(absl::string_view name, ElementType type,
                                                       const Shape& shape) {
  RNNSERVE_ASSIGN_OR_RETURN(const Program::ValueId id, NewValue(name, type, shape));
  program_.constants.push_back(id);
  return ValueOf(id);
}

absl::StatusOr<BuiltValue> ProgramBuilder::AddState(absl::string_view name, ElementType type,
                                                    const Shape& shape) {
  RNNSERVE_ASSIGN_OR_RETURN(const Program::ValueId id, NewValue(name, type, shape));
  program_.states.push_back({id, id, ""});
  return ValueOf(id);
}

absl::Status ProgramBuilder::SetNextState(size_t state, const BuiltValue& next) {
  const Program::Value& before = program_.values[program_.states[state].value];
  if (!(next.shape() == before.shape) || next.type() != before.type) {
    return InvalidArgument(
        "MODEL_CONFIG",
        absl::StrCat("the state '", before.name, "' has the shape ", before.shape.ToString(),
                     " and type ", ElementTypeName(before.type), " before a step, but ",
                     next.shape().ToString(), " and ", ElementTypeName(next.type()), " after it"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(program_.states[state].next, Materialize(next));
  return absl::OkStatus();
}

absl::Status ProgramBuilder::SetInitialState(size_t state, const BuiltValue& initial) {
  const Program::Value before = program_.values[program_.states[state].value];
  if (!initial.is_known() || initial.type() != ElementType::kFloat32 ||
      !(initial.shape() == before.shape)) {
    return InvalidArgument(
        "MODEL_CONFIG",
        absl::StrCat("the initial value of the state '", before.name,
                     "' must be known floats of the shape ", before.shape.ToString()));
  }
  const Program::ValueId id = program_.values.size();
  const std::string name = UnusedName(absl::StrCat(WeightName(before.name), ".initial"));
  program_.values.push_back({name, ElementType::kFloat32, before.shape});
  program_.weights.push_back(id);
  weights_[id] = initial.tensor_;
  program_.states[state].initial = name;
  return absl::OkStatus();
}

absl::Status ProgramBuilder::AddOutput(absl::string_view name, const BuiltValue& value) {
  RNNSERVE_ASSIGN_OR_RETURN(const Program::ValueId id, Materialize(value));
  program_.outputs.push_back({std::string(name), id});
  return absl::OkStatus();
}

namespace {

// Marks every value that an output, a next state or an initial state depends on.
std::vector<bool> UsedValues(const Program& program) {
  std::vector<bool> used(program.values.size(), false);
  std::set<absl::string_view> initial;
  for (Program::ValueId id : program.inputs) used[id] = true;
  for (Program::ValueId id : program.constants) used[id] = true;
  for (const Program::Output& output : program.outputs) used[output.value] = true;
  for (const Program::State& state : program.states) {
    used[state.value] = used[state.next] = true;
    initial.insert(state.initial);
  }
  for (Program::ValueId id : program.weights) {
    if (initial.count(program.values[id].name) > 0) used[id] = true;
  }
  for (auto operation = program.operations.rbegin(); operation != program.operations.rend();
       ++operation) {
    const auto is_used = [&used](Program::ValueId id) -> bool { return used[id]; };
    if (!std::any_of(operation->results.begin(), operation->results.end(), is_used)) continue;
    for (Program::ValueId id : operation->results) used[id] = true;
    for (Program::ValueId id : operation->operands) used[id] = true;
  }
  return used;
}

// Removes the values that are not used and gives the others new numbers.
void Renumber(Program& program, const std::vector<bool>& used) {
  std::vector<Program::ValueId> number(program.values.size(), 0);
  std::vector<Program::Value> values;
  for (Program::ValueId id = 0; id < used.size(); ++id) {
    if (!used[id]) continue;
    number[id] = values.size();
    values.push_back(std::move(program.values[id]));
  }
  program.values = std::move(values);
  for (auto* ids : {&program.inputs, &program.constants, &program.weights}) {
    for (Program::ValueId& id : *ids) id = number[id];
  }
  for (Program::Literal& literal : program.literals) literal.value = number[literal.value];
  for (Program::State& state : program.states) {
    state.value = number[state.value];
    state.next = number[state.next];
  }
  for (Program::Output& output : program.outputs) output.value = number[output.value];
  for (Program::Operation& operation : program.operations) {
    for (Program::ValueId& id : operation.operands) id = number[id];
    for (Program::ValueId& id : operation.results) id = number[id];
  }
}

AlignedBuffer Copy(const std::vector<float>& floats) {
  AlignedBuffer buffer(static_cast<int64_t>(floats.size()));
  std::copy(floats.begin(), floats.end(), buffer.data());
  return buffer;
}

}  // namespace

absl::StatusOr<ProgramBuilder::Result> ProgramBuilder::Finish(absl::string_view path) {
  Result result;
  Program& program = result.program;
  program = std::exchange(program_, Program());
  const std::vector<bool> used = UsedValues(program);
  const auto is_unused = [&used](Program::ValueId id) -> bool { return !used[id]; };
  program.weights.erase(std::remove_if(program.weights.begin(), program.weights.end(), is_unused),
                        program.weights.end());
  program.literals.erase(
      std::remove_if(program.literals.begin(), program.literals.end(),
                     [&](const auto& literal) { return is_unused(literal.value); }),
      program.literals.end());
  program.operations.erase(
      std::remove_if(program.operations.begin(), program.operations.end(),
                     [&](const auto& operation) { return is_unused(operation.results.front()); }),
      program.operations.end());
  for (Program::ValueId id : program.weights) {
    result.weights[program.values[id].name] = {program.values[id].shape,
                                               Copy(weights_[id]->floats())};
  }
  Renumber(program, used);
  RNNSERVE_RETURN_IF_ERROR(CheckProgram(program, path));
  return result;
}

}  // namespace rnnserve
