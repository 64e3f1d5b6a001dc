// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/program_maker.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/program/read_program.h"

namespace rnnserve::testing {

ElementType ProgramMaker::AnyType() {
  const int64_t number = Between(0, 9);
  return number < 6 ? ElementType::kFloat32 : number < 8 ? ElementType::kInt32 : ElementType::kBool;
}

Shape ProgramMaker::AnyShape(int rank_min, int rank_max) {
  Extents extents(static_cast<size_t>(Between(rank_min, rank_max)));
  for (int64_t& extent : extents) extent = Between(1, 5);
  return Shape(extents);
}

ProgramMaker::ValueId ProgramMaker::AddValue(std::string name, ElementType type, Shape shape,
                                             Knowledge knowledge) {
  program_.values.push_back({std::move(name), type, std::move(shape)});
  knowledge_.push_back(knowledge);
  pickable_.push_back(program_.values.size() - 1);
  return program_.values.size() - 1;
}

ProgramMaker::ValueId ProgramMaker::AddWeight(const Shape& shape) {
  const std::string name = NewName("weight/w");
  weights_.AddRandom(name, shape, static_cast<unsigned>(Between(0, 1 << 30)), kWeightBound);
  const ValueId id = AddValue(name, ElementType::kFloat32, shape, {kWeightBound, true});
  program_.weights.push_back(id);
  return id;
}

ProgramMaker::ValueId ProgramMaker::AddLiteral(ElementType type, const Shape& shape,
                                               int32_t whole_max) {
  const auto size = static_cast<size_t>(*shape.NumElements());
  Program::Literal literal;
  if (type == ElementType::kFloat32) {
    std::vector<float> elements(size);
    for (float& element : elements) element = Real(kWeightBound);
    literal.elements = std::move(elements);
  } else {
    std::vector<int32_t> elements(size);
    for (int32_t& element : elements) {
      element = static_cast<int32_t>(Between(0, type == ElementType::kBool ? 1 : whole_max));
    }
    literal.elements = std::move(elements);
  }
  const float bound = type == ElementType::kFloat32 ? kWeightBound : static_cast<float>(whole_max);
  literal.value = AddValue(NewName("literal"), type, shape, {bound, true});
  program_.literals.push_back(std::move(literal));
  return program_.literals.back().value;
}

ProgramMaker::ValueId ProgramMaker::AddLeaf(ElementType type, const Shape& shape) {
  if (type == ElementType::kFloat32 && Chance(0.8)) return AddWeight(shape);
  return AddLiteral(type, shape);
}

ProgramMaker::ValueId ProgramMaker::Number(float value) {
  return AddScalar(ElementType::kFloat32, std::vector<float>{value});
}

ProgramMaker::ValueId ProgramMaker::Number(int32_t value) {
  return AddScalar(ElementType::kInt32, std::vector<int32_t>{value});
}

ProgramMaker::ValueId ProgramMaker::AddScalar(
    ElementType type, std::variant<std::vector<float>, std::vector<int32_t>> value) {
  // The text of a program has no name for it.
  const ValueId id = AddValue(NewName("%"), type, Shape(), {});
  pickable_.pop_back();
  program_.literals.push_back({id, std::move(value)});
  return id;
}

void ProgramMaker::DeclareInputs() {
  const auto add = [this](const char* prefix, ElementType type) {
    const float bound = type == ElementType::kFloat32 ? kInputBound : kWholeMax;
    return AddValue(NewName(prefix), type, AnyShape(0, 3), {bound, true});
  };
  program_.inputs.push_back(add("x", ElementType::kFloat32));
  while (Chance(0.5)) program_.inputs.push_back(add("x", AnyType()));
  while (Chance(0.4)) program_.constants.push_back(add("constant", AnyType()));
}

void ProgramMaker::DeclareStates() {
  while (program_.states.size() < 4 && Chance(0.75)) {
    const ElementType type = AnyType();
    const Shape shape = AnyShape(0, 3);
    const bool is_float = type == ElementType::kFloat32;
    Program::State state;
    state.value = AddValue(NewName("state"), type, shape,
                           {is_float ? kStateBound : static_cast<float>(kModulus), !is_float});
    if (is_float && Chance(0.5)) state.initial = Value(AddWeight(shape)).name;
    program_.states.push_back(state);
  }
}

void ProgramMaker::FinishStates() {
  for (Program::State& state : program_.states) {
    const ElementType type = Value(state.value).type;
    const Knowledge stays = {kStateBound, false};
    if (Chance(0.2)) {
      state.next = PickSameShape(state.value);
      if (Value(state.next).type == type && Bound(state.next) <= Bound(state.value)) continue;
    }
    if (type == ElementType::kBool) {
      const ValueId other = AddLeaf(type, ShapeOf(state.value));
      state.next = Add(OpCode::kXor, {state.value, other}, {}, {1.0f, true});
    } else if (type == ElementType::kInt32) {
      const Knowledge exact = {static_cast<float>(kModulus), true};
      const ValueId sum = Add(OpCode::kAdd, {state.value, Number(1)}, {}, exact);
      state.next = Add(OpCode::kMod, {sum, Number(kModulus)}, {}, exact);
    } else {
      // 0.5 h + tanh(sum of something) stays within -2 and 2.
      const ValueId news = Pick(ElementType::kFloat32, false, 1);
      Attributes all;
      for (int axis = 0; axis < ShapeOf(news).rank(); ++axis) all.axes.push_back(axis);
      const ValueId sum = Add(OpCode::kReduceSum, {news}, all, {1e6f, false});
      const ValueId kept = Add(OpCode::kMul, {state.value, Number(0.5f)}, {}, stays);
      state.next = Add(OpCode::kAdd, {kept, Tanh(sum)}, {}, stays);
    }
  }
}

void ProgramMaker::FinishOutputs() {
  const int64_t count = Between(1, 4);
  for (int64_t i = 0; i < count; ++i) {
    const size_t recent = std::min<size_t>(pickable_.size(), 12);
    const auto back = static_cast<size_t>(Between(1, static_cast<int64_t>(recent)));
    program_.outputs.push_back({NewName("y"), pickable_[pickable_.size() - back]});
  }
}

std::optional<ProgramMaker::ValueId> ProgramMaker::TryAdd(OpCode code,
                                                          std::vector<ValueId> operands,
                                                          Attributes attributes,
                                                          Knowledge knowledge) {
  Program::Operation operation{code, std::move(operands), {}, std::move(attributes)};
  size_t num_results = code == OpCode::kTopK ? 2 : 1;
  if (code == OpCode::kSort) num_results = operation.operands.size();
  for (size_t i = 0; i < num_results; ++i) {
    operation.results.push_back(program_.values.size());
    program_.values.push_back({NewName("v"), ElementType::kFloat32, Shape()});
  }
  if (!InferResults(program_, operation).ok() || SizeOf(operation.results[0]) > kElementsMax) {
    program_.values.resize(program_.values.size() - num_results);
    return std::nullopt;
  }
  for (size_t i = 0; i < num_results; ++i) {
    knowledge_.push_back(code == OpCode::kSort && i > 0 ? Joint({operation.operands[i]})
                                                        : knowledge);
    pickable_.push_back(operation.results[i]);
  }
  program_.operations.push_back(operation);
  return Calm(operation.results[0]);
}

ProgramMaker::ValueId ProgramMaker::Add(OpCode code, std::vector<ValueId> operands,
                                        Attributes attributes, Knowledge knowledge) {
  const auto added = TryAdd(code, std::move(operands), std::move(attributes), knowledge);
  if (!added.has_value()) {
    std::cerr << "random program: " << OpCodeName(code) << " is not possible\n";
    std::abort();
  }
  return *added;
}

// The value itself is not picked any more if it is too large.
ProgramMaker::ValueId ProgramMaker::Calm(ValueId id) {
  const bool is_float = Value(id).type == ElementType::kFloat32;
  if (Value(id).type == ElementType::kBool) return id;
  if (Bound(id) <= (is_float ? kBoundMax : 1000.0f)) return id;
  pickable_.erase(std::find(pickable_.begin(), pickable_.end(), id));
  if (is_float) return Tanh(id);
  return Add(OpCode::kMod, {id, Number(kModulus)}, {}, {static_cast<float>(kModulus), true});
}

ProgramMaker::ValueId ProgramMaker::Tanh(ValueId id) {
  return Add(OpCode::kTanh, {id}, {}, {1.0f, false});
}

ProgramMaker::ValueId ProgramMaker::Positive(ValueId id) {
  const ValueId sigmoid = Add(OpCode::kSigmoid, {id}, {}, {1.0f, false});
  return Add(OpCode::kAdd, {sigmoid, Number(0.5f)}, {}, {1.5f, false});
}

// Reshapes a value to that rank: [first extents..., the rest].
ProgramMaker::ValueId ProgramMaker::WithRank(ValueId id, int rank) {
  Extents extents = ExtentsOf(ShapeOf(id));
  if (static_cast<int>(extents.size()) == rank) return id;
  while (static_cast<int>(extents.size()) < rank) {
    extents.insert(extents.begin() + Between(0, static_cast<int64_t>(extents.size())), 1);
  }
  while (static_cast<int>(extents.size()) > rank) {
    const int64_t last = extents.back();
    extents.pop_back();
    extents.back() *= last;
  }
  Attributes attributes;
  attributes.shape = Shape(extents);
  return Add(OpCode::kReshape, {id}, attributes, Joint({id}));
}

ProgramMaker::Knowledge ProgramMaker::Joint(const std::vector<ValueId>& operands) const {
  Knowledge joint;
  for (const ValueId id : operands) {
    joint.bound = std::max(joint.bound, Bound(id));
    joint.is_exact = joint.is_exact && IsExact(id);
  }
  return joint;
}

ProgramMaker::ValueId ProgramMaker::Pick(ElementType type, bool needs_exact, int rank_min) {
  std::vector<ValueId> found;
  for (const ValueId id : pickable_) {
    if (Value(id).type != type || ShapeOf(id).rank() < rank_min) continue;
    if (SizeOf(id) > kElementsMax) continue;
    if (!needs_exact || IsExact(id)) found.push_back(id);
  }
  if (found.empty()) return AddLeaf(type, AnyShape(std::max(rank_min, 1), 3));
  // Half of the time one of the last, so that long chains arise.
  const auto size = static_cast<int64_t>(found.size());
  const int64_t first = Chance(0.5) ? std::max<int64_t>(0, size - 4) : 0;
  return found[static_cast<size_t>(Between(first, size - 1))];
}

ProgramMaker::ValueId ProgramMaker::PickPartner(ValueId id, bool needs_exact) {
  const Shape shape = ShapeOf(id);
  const ElementType type = Value(id).type;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const ValueId other = Pick(type, needs_exact);
    const Extents a = ExtentsOf(shape), b = ExtentsOf(ShapeOf(other));
    bool fits = true;
    for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
      const int64_t x = a[a.size() - i], y = b[b.size() - i];
      fits = fits && (x == y || x == 1 || y == 1);
    }
    if (fits && SizeOf(other) * SizeOf(id) <= kElementsMax) return other;
  }
  Extents extents = ExtentsOf(shape);
  for (int64_t& extent : extents) extent = Chance(0.25) ? 1 : extent;
  const auto dropped = Chance(0.3) ? Between(0, static_cast<int64_t>(extents.size())) : 0;
  extents.erase(extents.begin(), extents.begin() + dropped);
  return AddLeaf(type, Shape(extents));
}

ProgramMaker::ValueId ProgramMaker::PickSameShape(ValueId id) {
  std::vector<ValueId> found;
  for (const ValueId other : pickable_) {
    if (other != id && ShapeOf(other) == ShapeOf(id)) found.push_back(other);
  }
  if (found.empty()) return id;
  return found[static_cast<size_t>(Between(0, static_cast<int64_t>(found.size()) - 1))];
}

RandomProgram ProgramMaker::Make(int num_operations) && {
  DeclareInputs();
  DeclareStates();
  for (int i = 0; i < num_operations; ++i) {
    // Products and elementwise operations are most of a real program.
    if (Chance(0.15)) {
      AddDot();
    } else {
      AddRandom(static_cast<OpCode>(Between(0, kNumOpCodes - 1)));
    }
  }
  FinishStates();
  FinishOutputs();
  const absl::Status status = CheckProgram(program_, "random program");
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
  return {std::move(program_), std::move(weights_)};
}

}  // namespace rnnserve::testing
