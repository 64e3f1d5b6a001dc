// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/random_program.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/program/operation_traits.h"
#include "core/program/read_program.h"

namespace rnnserve::testing {
namespace {

using ValueId = Program::ValueId;
using Extents = std::vector<int64_t>;

constexpr int64_t kElementsMax = 400;
constexpr float kBoundMax = 16.0f;
constexpr float kWeightBound = 1.0f;
constexpr float kInputBound = 2.0f;
constexpr float kStateBound = 2.0f;
constexpr int kWholeMax = 6;
constexpr int kModulus = 97;

Extents ExtentsOf(const Shape& shape) { return {shape.extents().begin(), shape.extents().end()}; }

bool IsOneOf(OpCode code, std::initializer_list<OpCode> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Adds random operations to a program, and knows two things about every value: how large it may
// become, and whether all implementations compute it to the bit.
class ProgramMaker {
 public:
  explicit ProgramMaker(unsigned seed) : random_(seed) {}

  RandomProgram Make(int num_operations) &&;

 private:
  struct Knowledge {
    float bound = 0.0f;
    bool is_exact = true;
  };

  // Random numbers.
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  float Real(float bound) { return std::uniform_real_distribution<float>(-bound, bound)(random_); }
  ElementType AnyType();
  Shape AnyShape(int rank_min, int rank_max);
  Extents Shuffled(Extents numbers) {
    std::shuffle(numbers.begin(), numbers.end(), random_);
    return numbers;
  }
  std::string NewName(const char* prefix) { return absl::StrCat(prefix, ++num_names_); }

  // Values without an operation.
  ValueId AddValue(std::string name, ElementType type, Shape shape, Knowledge knowledge);
  ValueId AddWeight(const Shape& shape);
  ValueId AddLiteral(ElementType type, const Shape& shape, int32_t whole_max = kWholeMax);
  ValueId AddLeaf(ElementType type, const Shape& shape);
  ValueId Number(float value);
  ValueId Number(int32_t value);
  ValueId AddScalar(ElementType type, std::variant<std::vector<float>, std::vector<int32_t>> value);
  void DeclareInputs();
  void DeclareStates();
  void FinishStates();
  void FinishOutputs();

  // Operations. Each returns the first result, or nullopt if the operation is not possible.
  std::optional<ValueId> TryAdd(OpCode code, std::vector<ValueId> operands, Attributes attributes,
                                Knowledge knowledge);
  // For operations that are always possible.
  ValueId Add(OpCode code, std::vector<ValueId> operands, Attributes attributes,
              Knowledge knowledge);
  ValueId Calm(ValueId id);      // brings large values back
  ValueId Tanh(ValueId id);      // within -1 and 1
  ValueId Positive(ValueId id);  // from 0.5 to 1.5
  ValueId WithRank(ValueId id, int rank);

  const Program::Value& Value(ValueId id) const { return program_.values[id]; }
  const Shape& ShapeOf(ValueId id) const { return Value(id).shape; }
  int64_t SizeOf(ValueId id) const { return *ShapeOf(id).NumElements(); }
  float Bound(ValueId id) const { return knowledge_[id].bound; }
  bool IsExact(ValueId id) const { return knowledge_[id].is_exact; }
  // What a move of these operands knows.
  Knowledge Joint(const std::vector<ValueId>& operands) const;

  ValueId Pick(ElementType type, bool needs_exact, int rank_min = 0);
  ValueId PickPartner(ValueId id, bool needs_exact);  // of the same type, broadcasts with it
  ValueId PickSameShape(ValueId id);

  void AddRandom(OpCode code);
  void AddUnary(OpCode code);
  void AddBinary(OpCode code);
  void AddWholeBinary(OpCode code);
  void AddWhere();
  void AddCast();
  void AddMove(OpCode code);
  void AddConcat();
  void AddPad();
  void AddIndexed(OpCode code);
  void AddUpdate();
  void AddReduction(OpCode code);
  void AddArgExtreme(OpCode code);
  void AddScan(OpCode code);
  void AddDot();
  void AddConvolution(OpCode code);
  void AddPool(OpCode code);
  Attributes::Window AnyWindow(size_t axes);

  std::mt19937 random_;
  Program program_;
  WeightMap weights_;
  std::vector<Knowledge> knowledge_;
  std::vector<ValueId> pickable_;
  int num_names_ = 0;
};

ElementType ProgramMaker::AnyType() {
  const int64_t number = Between(0, 9);
  return number < 6 ? ElementType::kFloat32 : number < 8 ? ElementType::kInt32 : ElementType::kBool;
}

Shape ProgramMaker::AnyShape(int rank_min, int rank_max) {
  Extents extents(static_cast<size_t>(Between(rank_min, rank_max)));
  for (int64_t& extent : extents) extent = Between(1, 5);
  return Shape(extents);
}

ValueId ProgramMaker::AddValue(std::string name, ElementType type, Shape shape,
                               Knowledge knowledge) {
  program_.values.push_back({std::move(name), type, std::move(shape)});
  knowledge_.push_back(knowledge);
  pickable_.push_back(program_.values.size() - 1);
  return program_.values.size() - 1;
}

ValueId ProgramMaker::AddWeight(const Shape& shape) {
  const std::string name = NewName("weight/w");
  weights_.AddRandom(name, shape, static_cast<unsigned>(Between(0, 1 << 30)), kWeightBound);
  const ValueId id = AddValue(name, ElementType::kFloat32, shape, {kWeightBound, true});
  program_.weights.push_back(id);
  return id;
}

ValueId ProgramMaker::AddLiteral(ElementType type, const Shape& shape, int32_t whole_max) {
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

ValueId ProgramMaker::AddLeaf(ElementType type, const Shape& shape) {
  if (type == ElementType::kFloat32 && Chance(0.8)) return AddWeight(shape);
  return AddLiteral(type, shape);
}

ValueId ProgramMaker::Number(float value) {
  return AddScalar(ElementType::kFloat32, std::vector<float>{value});
}

ValueId ProgramMaker::Number(int32_t value) {
  return AddScalar(ElementType::kInt32, std::vector<int32_t>{value});
}

ValueId ProgramMaker::AddScalar(ElementType type,
                                std::variant<std::vector<float>, std::vector<int32_t>> value) {
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

std::optional<ValueId> ProgramMaker::TryAdd(OpCode code, std::vector<ValueId> operands,
                                            Attributes attributes, Knowledge knowledge) {
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

ValueId ProgramMaker::Add(OpCode code, std::vector<ValueId> operands, Attributes attributes,
                          Knowledge knowledge) {
  const auto added = TryAdd(code, std::move(operands), std::move(attributes), knowledge);
  if (!added.has_value()) {
    std::cerr << "random program: " << OpCodeName(code) << " is not possible\n";
    std::abort();
  }
  return *added;
}

// The value itself is not picked any more if it is too large.
ValueId ProgramMaker::Calm(ValueId id) {
  const bool is_float = Value(id).type == ElementType::kFloat32;
  if (Value(id).type == ElementType::kBool) return id;
  if (Bound(id) <= (is_float ? kBoundMax : 1000.0f)) return id;
  pickable_.erase(std::find(pickable_.begin(), pickable_.end(), id));
  if (is_float) return Tanh(id);
  return Add(OpCode::kMod, {id, Number(kModulus)}, {}, {static_cast<float>(kModulus), true});
}

ValueId ProgramMaker::Tanh(ValueId id) { return Add(OpCode::kTanh, {id}, {}, {1.0f, false}); }

ValueId ProgramMaker::Positive(ValueId id) {
  const ValueId sigmoid = Add(OpCode::kSigmoid, {id}, {}, {1.0f, false});
  return Add(OpCode::kAdd, {sigmoid, Number(0.5f)}, {}, {1.5f, false});
}

// Reshapes a value to that rank: [first extents..., the rest].
ValueId ProgramMaker::WithRank(ValueId id, int rank) {
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

ValueId ProgramMaker::Pick(ElementType type, bool needs_exact, int rank_min) {
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

ValueId ProgramMaker::PickPartner(ValueId id, bool needs_exact) {
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

ValueId ProgramMaker::PickSameShape(ValueId id) {
  std::vector<ValueId> found;
  for (const ValueId other : pickable_) {
    if (other != id && ShapeOf(other) == ShapeOf(id)) found.push_back(other);
  }
  if (found.empty()) return id;
  return found[static_cast<size_t>(Between(0, static_cast<int64_t>(found.size()) - 1))];
}

void ProgramMaker::AddUnary(OpCode code) {
  const ElementTypes types = TraitsOf(code).data_types;
  if (code == OpCode::kNot) {
    Add(code, {Pick(ElementType::kBool, true)}, {}, {1.0f, true});
    return;
  }
  if (types.Has(ElementType::kInt32) && Chance(0.3)) {
    const ValueId x = Pick(ElementType::kInt32, true);
    const float bound = code == OpCode::kSquare ? Bound(x) * Bound(x) : Bound(x);
    Add(code, {x}, {}, {bound, true});
    return;
  }
  const bool jumps = IsOneOf(code, {OpCode::kFloor, OpCode::kCeil, OpCode::kRound, OpCode::kSign,
                                    OpCode::kIsFinite, OpCode::kIsNan});
  ValueId x = Pick(ElementType::kFloat32, jumps);
  if (IsOneOf(code, {OpCode::kLog, OpCode::kLog1p, OpCode::kSqrt, OpCode::kRsqrt})) {
    x = Positive(x);
  } else if (code == OpCode::kAcosh) {
    x = Add(OpCode::kAdd, {Positive(x), Number(0.75f)}, {}, {2.25f, false});
  } else if (IsOneOf(code, {OpCode::kAsin, OpCode::kAcos, OpCode::kAtanh})) {
    x = Add(OpCode::kMul, {Tanh(x), Number(0.875f)}, {}, {0.875f, false});
  } else if (IsOneOf(code,
                     {OpCode::kExp, OpCode::kExpm1, OpCode::kSinh, OpCode::kCosh, OpCode::kTan})) {
    x = Tanh(x);
  }
  const bool is_exact =
      jumps || IsOneOf(code, {OpCode::kNeg, OpCode::kAbs, OpCode::kSquare, OpCode::kRelu});
  const float bound = code == OpCode::kSquare ? Bound(x) * Bound(x) : std::max(Bound(x) + 1, 3.0f);
  Add(code, {x}, {}, {bound, is_exact && IsExact(x)});
}

void ProgramMaker::AddWholeBinary(OpCode code) {
  const ValueId a = Pick(ElementType::kInt32, true);
  const ValueId b = PickPartner(a, true);
  const float bound = code == OpCode::kMul ? Bound(a) * Bound(b) : Bound(a) + Bound(b);
  TryAdd(code, {a, b}, {}, {bound, true});
}

void ProgramMaker::AddBinary(OpCode code) {
  const OperationTraits& traits = TraitsOf(code);
  if (!traits.data_types.Has(ElementType::kFloat32) || (code == OpCode::kEq && Chance(0.3)) ||
      (code == OpCode::kNe && Chance(0.3))) {
    const ValueId a = Pick(ElementType::kBool, true);
    TryAdd(code, {a, PickPartner(a, true)}, {}, {1.0f, true});
    return;
  }
  if (traits.data_types.Has(ElementType::kInt32) && Chance(0.3)) {
    AddWholeBinary(code);
    return;
  }
  const bool jumps = traits.result_type == ResultType::kBool;
  ValueId a = Pick(ElementType::kFloat32, jumps);
  ValueId b = PickPartner(a, jumps);
  float bound = Bound(a) + Bound(b);
  if (code == OpCode::kRem || code == OpCode::kMod) {
    a = Pick(ElementType::kFloat32, true);
    b = Number(Chance(0.5) ? 0.75f : -1.5f);
    bound = 1.5f;
  } else if (code == OpCode::kMul) {
    bound = Bound(a) * Bound(b);
  } else if (IsOneOf(code, {OpCode::kDiv, OpCode::kAtan2})) {
    b = Positive(b);
    bound = 2 * Bound(a) + 4;
  } else if (code == OpCode::kPow) {
    a = Positive(a);
    b = Tanh(b);
    bound = 2.0f;
  }
  const bool is_exact = !IsOneOf(code, {OpCode::kDiv, OpCode::kAtan2, OpCode::kPow});
  TryAdd(code, {a, b}, {}, {bound, is_exact && IsExact(a) && IsExact(b)});
}

void ProgramMaker::AddWhere() {
  const ValueId a = Pick(AnyType(), false);
  const ValueId b = PickPartner(a, false);
  const ValueId condition =
      Chance(0.5) ? Pick(ElementType::kBool, true)
                  : AddLiteral(ElementType::kBool, Chance(0.5) ? ShapeOf(a) : ShapeOf(b));
  TryAdd(OpCode::kWhere, {condition, a, b}, {}, Joint({a, b}));
}

void ProgramMaker::AddCast() {
  Attributes attributes;
  attributes.type = AnyType();
  const ValueId x = Pick(AnyType(), attributes.type != ElementType::kFloat32);
  Add(OpCode::kCast, {x}, attributes, {std::max(1.0f, Bound(x)), IsExact(x)});
}

void ProgramMaker::AddMove(OpCode code) {
  const ValueId x = Pick(AnyType(), false, 1);
  const Extents extents = ExtentsOf(ShapeOf(x));
  Attributes attributes;
  if (code == OpCode::kReshape) {
    Extents to = Shuffled(extents);
    if (Chance(0.3)) to = {SizeOf(x)};
    if (Chance(0.3)) to.insert(to.begin(), 1);
    attributes.shape = Shape(to);
  } else if (code == OpCode::kTranspose) {
    for (size_t i = 0; i < extents.size(); ++i) attributes.perm.push_back(static_cast<int64_t>(i));
    attributes.perm = Shuffled(attributes.perm);
  } else if (code == OpCode::kBroadcast) {
    Extents to = extents;
    for (int64_t& extent : to) extent = extent == 1 ? Between(1, 4) : extent;
    if (Chance(0.5)) to.insert(to.begin(), Between(1, 3));
    attributes.shape = Shape(to);
  } else {
    for (const int64_t extent : extents) {
      const int64_t a = Between(0, extent - 1), b = Between(0, extent - 1);
      const int64_t step = Between(1, 2);
      if (Chance(0.25)) {
        attributes.slices.push_back({std::max(a, b), std::min(a, b) - 1, -step});
      } else {
        attributes.slices.push_back({std::min(a, b), std::max(a, b) + 1, step});
      }
    }
  }
  TryAdd(code, {x}, attributes, Joint({x}));
}

void ProgramMaker::AddConcat() {
  const ValueId x = Pick(AnyType(), false, 1);
  Attributes attributes;
  attributes.axis = Between(0, ShapeOf(x).rank() - 1);
  std::vector<ValueId> operands = {x};
  while (Chance(0.6)) {
    const ValueId same = PickSameShape(x);
    if (Value(same).type == Value(x).type && Chance(0.6)) {
      operands.push_back(same);
      continue;
    }
    Extents extents = ExtentsOf(ShapeOf(x));
    extents[static_cast<size_t>(attributes.axis)] = Between(1, 3);
    operands.push_back(AddLeaf(Value(x).type, Shape(extents)));
  }
  std::shuffle(operands.begin(), operands.end(), random_);
  TryAdd(OpCode::kConcat, operands, attributes, Joint(operands));
}

void ProgramMaker::AddPad() {
  const ValueId x = Pick(Chance(0.8) ? ElementType::kFloat32 : ElementType::kInt32, false, 1);
  Attributes attributes;
  attributes.mode = static_cast<PadMode>(Between(0, 2));
  for (const int64_t extent : ShapeOf(x).extents()) {
    const int64_t most =
        attributes.mode == PadMode::kReflect ? std::min<int64_t>(extent - 1, 2) : 2;
    attributes.pads.push_back({Between(0, most), Between(0, most)});
  }
  std::vector<ValueId> operands = {x};
  if (attributes.mode == PadMode::kConstant) {
    operands.push_back(Value(x).type == ElementType::kFloat32 ? Number(0.25f) : Number(1));
  }
  TryAdd(OpCode::kPad, operands, attributes, Joint({x}));
}

// kGather, kTake, kTakeAlong and kScatterAlong.
void ProgramMaker::AddIndexed(OpCode code) {
  const ValueId x = Pick(AnyType(), false, 1);
  Attributes attributes;
  attributes.axis = Between(0, ShapeOf(x).rank() - 1);
  const auto extent = static_cast<int32_t>(ShapeOf(x)[static_cast<int>(attributes.axis)]);
  Shape along = ShapeOf(x);
  if (Chance(0.5)) {
    Extents extents = ExtentsOf(along);
    extents[static_cast<size_t>(attributes.axis)] = Between(1, 4);
    along = Shape(extents);
  }
  if (code == OpCode::kGather) {
    const ValueId index = AddLiteral(ElementType::kInt32, AnyShape(0, 2), extent - 1);
    TryAdd(code, {x, index}, attributes, Joint({x}));
    return;
  }
  // Some indices are out of range, on both sides.
  ValueId index = code == OpCode::kTake ? Pick(ElementType::kInt32, true)
                                        : AddLiteral(ElementType::kInt32, along, extent + 1);
  index = Add(OpCode::kSub, {index, Number(1)}, {}, {Bound(index) + 1, true});
  if (code != OpCode::kScatterAlong) {
    TryAdd(code, {x, index}, attributes, Joint({x}));
    return;
  }
  const ValueId updates = AddLeaf(Value(x).type, along);
  TryAdd(code, {x, index, updates}, attributes, Joint({x, updates}));
}

void ProgramMaker::AddUpdate() {
  const ValueId x = Pick(AnyType(), false, 1);
  Attributes attributes;
  Extents part;
  for (const int64_t extent : ShapeOf(x).extents()) {
    attributes.starts.push_back(Between(0, extent - 1));
    part.push_back(Between(1, extent - attributes.starts.back()));
  }
  const ValueId leaf = AddLeaf(Value(x).type, Shape(part));
  const ValueId updates = Value(x).type == ElementType::kFloat32 && Chance(0.5) ? Tanh(leaf) : leaf;
  TryAdd(OpCode::kUpdate, {x, updates}, attributes, Joint({x, updates}));
}

void ProgramMaker::AddReduction(OpCode code) {
  const bool is_bool = IsOneOf(code, {OpCode::kReduceAny, OpCode::kReduceAll});
  const bool is_whole = !is_bool && Chance(0.25);
  ValueId x = Pick(is_bool    ? ElementType::kBool
                   : is_whole ? ElementType::kInt32
                              : ElementType::kFloat32,
                   false, 1);
  if (code == OpCode::kReduceProd && is_whole) return;  // wraps around soon
  if (code == OpCode::kReduceProd) x = Tanh(x);
  Attributes attributes;
  for (int axis = 0; axis < ShapeOf(x).rank(); ++axis) {
    if (Chance(0.5)) attributes.axes.push_back(axis);
  }
  if (attributes.axes.empty()) attributes.axes.push_back(Between(0, ShapeOf(x).rank() - 1));
  attributes.axes = Shuffled(attributes.axes);
  const bool adds = code == OpCode::kReduceSum;
  const float bound = adds ? Bound(x) * static_cast<float>(SizeOf(x)) : Bound(x);
  const bool is_exact =
      IsExact(x) && (is_bool || is_whole || (!adds && code != OpCode::kReduceProd));
  TryAdd(code, {x}, attributes, {bound, is_exact});
}

void ProgramMaker::AddArgExtreme(OpCode code) {
  const ValueId x = Pick(Chance(0.3) ? ElementType::kInt32 : ElementType::kFloat32, true, 1);
  Attributes attributes;
  attributes.axis = Between(0, ShapeOf(x).rank() - 1);
  TryAdd(code, {x}, attributes, {5.0f, true});
}

void ProgramMaker::AddScan(OpCode code) {
  const bool is_float = Chance(0.7);
  const ValueId x =
      Pick(is_float ? ElementType::kFloat32 : ElementType::kInt32, code != OpCode::kCumSum, 1);
  const int rank = ShapeOf(x).rank();
  Attributes attributes;
  Knowledge knowledge = Joint({x});
  std::vector<ValueId> operands = {x};
  if (code == OpCode::kTopK) {
    attributes.k = Between(1, ShapeOf(x)[rank - 1]);
    TryAdd(code, operands, attributes, knowledge);
    return;
  }
  attributes.axis = Between(0, rank - 1);
  if (code == OpCode::kCumSum) {
    attributes.reverse = Chance(0.5);
    attributes.exclusive = Chance(0.5);
    knowledge.bound *= static_cast<float>(ShapeOf(x)[static_cast<int>(attributes.axis)]);
    knowledge.is_exact = !is_float;
  } else {
    attributes.descending = Chance(0.5);
    while (Chance(0.4)) operands.push_back(PickSameShape(x));
  }
  TryAdd(code, operands, attributes, knowledge);
}

void ProgramMaker::AddDot() {
  const ValueId a = Pick(ElementType::kFloat32, false);
  const Extents extents = ExtentsOf(ShapeOf(a));
  std::vector<std::pair<char, int64_t>> b_axes, result_axes;
  std::string letters;
  float bound = Bound(a);
  for (size_t i = 0; i < extents.size(); ++i) {
    const char letter = static_cast<char>('a' + i);
    letters += letter;
    const int64_t role = Between(0, 9);
    if (role < 5) bound *= static_cast<float>(extents[i]);
    if (role >= 5) result_axes.emplace_back(letter, extents[i]);
    if (role < 7) b_axes.emplace_back(letter, extents[i]);  // summed, or a batch axis
  }
  for (int64_t i = Between(0, 2); i > 0; --i) {
    b_axes.emplace_back(static_cast<char>('w' + i), Between(1, 6));
    result_axes.push_back(b_axes.back());
  }
  if (Chance(0.5)) std::shuffle(b_axes.begin(), b_axes.end(), random_);
  if (Chance(0.3)) std::shuffle(result_axes.begin(), result_axes.end(), random_);
  std::string b_letters, result_letters;
  Extents b_extents;
  for (const auto& [letter, extent] : b_axes) {
    b_letters += letter;
    b_extents.push_back(extent);
  }
  for (const auto& [letter, extent] : result_axes) result_letters += letter;
  ValueId b = Chance(0.9) ? AddWeight(Shape(b_extents))
                          : AddLiteral(ElementType::kFloat32, Shape(b_extents));
  if (Chance(0.4)) {  // a product of two values that depend on the row
    const ValueId factor = Pick(ElementType::kFloat32, false, 1);
    Attributes all;
    for (int axis = 0; axis < ShapeOf(factor).rank(); ++axis) all.axes.push_back(axis);
    const ValueId scalar = Add(OpCode::kReduceMax, {factor}, all, {Bound(factor), false});
    b = TryAdd(OpCode::kMul, {b, Tanh(scalar)}, {}, {kWeightBound, false}).value_or(b);
  }
  Attributes attributes;
  const bool is_swapped = Chance(0.25);
  attributes.equation = is_swapped ? absl::StrCat(b_letters, ",", letters, "->", result_letters)
                                   : absl::StrCat(letters, ",", b_letters, "->", result_letters);
  TryAdd(OpCode::kDot, is_swapped ? std::vector<ValueId>{b, a} : std::vector<ValueId>{a, b},
         attributes, {bound, false});
}

Attributes::Window ProgramMaker::AnyWindow(size_t axes) {
  Attributes::Window window;
  for (size_t i = 0; i < axes; ++i) {
    window.strides.push_back(Between(1, 2));
    window.dilations.push_back(Chance(0.7) ? 1 : 2);
    window.pads.push_back({Between(0, 1), Between(0, 1)});
  }
  return window;
}

void ProgramMaker::AddConvolution(OpCode code) {
  const int rank = static_cast<int>(Between(2, 3));
  const ValueId x = WithRank(Pick(ElementType::kFloat32, false), rank);
  Attributes attributes;
  attributes.window = AnyWindow(static_cast<size_t>(rank - 1));
  const int64_t channels = ShapeOf(x)[0];
  attributes.window.groups = channels % 2 == 0 && Chance(0.5) ? 2 : Chance(0.2) ? channels : 1;
  const int64_t groups = attributes.window.groups;
  Extents kernel;
  if (code == OpCode::kConv) {
    kernel = {groups * Between(1, 2), channels / groups};
  } else {
    kernel = {channels, Between(1, 3)};
    for (size_t i = 0; i < attributes.window.strides.size(); ++i) {
      const int64_t most = std::max(attributes.window.strides[i], attributes.window.dilations[i]);
      attributes.window.output_pads.push_back(Between(0, most - 1));
    }
  }
  for (int axis = 1; axis < rank; ++axis) kernel.push_back(Between(1, 3));
  const ValueId weights = AddWeight(Shape(kernel));
  TryAdd(code, {x, weights}, attributes, {Bound(x) * static_cast<float>(SizeOf(weights)), false});
}

void ProgramMaker::AddPool(OpCode code) {
  const int rank = static_cast<int>(Between(2, 3));
  const ValueId x = WithRank(Pick(ElementType::kFloat32, false), rank);
  Attributes attributes;
  attributes.window = AnyWindow(static_cast<size_t>(rank - 1));
  float taps = 1.0f;
  for (int axis = 1; axis < rank; ++axis) {
    attributes.window.size.push_back(Between(2, 3));
    // A window of padding alone would make an infinity.
    attributes.window.dilations[static_cast<size_t>(axis - 1)] = 1;
    taps *= static_cast<float>(attributes.window.size.back());
  }
  const bool is_max = code == OpCode::kMaxPool;
  TryAdd(code, {x}, attributes, {is_max ? Bound(x) : Bound(x) * taps, is_max && IsExact(x)});
}

void ProgramMaker::AddRandom(OpCode code) {
  const OperationTraits& traits = TraitsOf(code);
  switch (traits.kind) {
    case OperationKind::kElementwise:
      if (code == OpCode::kWhere) return AddWhere();
      if (code == OpCode::kCast) return AddCast();
      return traits.operands_max == 1 ? AddUnary(code) : AddBinary(code);
    case OperationKind::kMove:
      if (code == OpCode::kConcat) return AddConcat();
      if (code == OpCode::kPad) return AddPad();
      if (code == OpCode::kUpdate) return AddUpdate();
      return code == OpCode::kGather ? AddIndexed(code) : AddMove(code);
    case OperationKind::kIndexed:
      return AddIndexed(code);
    case OperationKind::kReduction:
      return traits.result_type == ResultType::kInt32 ? AddArgExtreme(code) : AddReduction(code);
    case OperationKind::kScan:
      return AddScan(code);
    case OperationKind::kProduct:
      return AddDot();
    case OperationKind::kWindow:
      return traits.operands_max == 1 ? AddPool(code) : AddConvolution(code);
  }
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

}  // namespace

RandomProgram MakeRandomProgram(unsigned seed, int num_operations) {
  return ProgramMaker(seed).Make(num_operations);
}

ProgramInterpreter::Row MakeRandomRow(const RandomProgram& random, unsigned seed) {
  std::mt19937 generator(seed);
  const Program& program = random.program;
  const auto draw = [&](ValueId id) {
    std::vector<float> values(static_cast<size_t>(*program.values[id].shape.NumElements()));
    for (float& value : values) {
      const ElementType type = program.values[id].type;
      if (type == ElementType::kFloat32) {
        value = std::uniform_real_distribution<float>(-kInputBound, kInputBound)(generator);
      } else {
        const int most = type == ElementType::kBool ? 1 : kWholeMax;
        value = static_cast<float>(std::uniform_int_distribution<int>(0, most)(generator));
      }
    }
    return values;
  };
  ProgramInterpreter::Row row;
  for (const ValueId id : program.inputs) row.inputs.push_back(draw(id));
  for (const ValueId id : program.constants) row.constants.push_back(draw(id));
  for (const Program::State& state : program.states) {
    const Shape& shape = program.values[state.value].shape;
    row.states.emplace_back(static_cast<size_t>(*shape.NumElements()));
    if (!state.initial.empty()) row.states.back() = random.weights.values(state.initial);
  }
  return row;
}

}  // namespace rnnserve::testing
