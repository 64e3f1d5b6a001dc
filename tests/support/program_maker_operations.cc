// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How ProgramMaker makes each kind of operation.

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/program/operation_traits.h"
#include "tests/support/program_maker.h"

namespace rnnserve::testing {
namespace {

bool IsOneOf(OpCode code, std::initializer_list<OpCode> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

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

}  // namespace rnnserve::testing
