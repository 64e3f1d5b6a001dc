// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/lowering.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>
#include <utility>

#include "core/kernels/vector_map.h"
#include "core/program/integer_map_instruction.h"
#include "core/program/map_instruction.h"
#include "core/program/move_instruction.h"
#include "core/program/operation_traits.h"
#include "core/program/rare_instruction.h"

namespace rnnserve {
namespace {

using Access = RowInstruction::Access;

// Vectors shorter than this are not worth a call of their own.
constexpr int64_t kShortVector = 8;

Access Read(const PlannedValue& value) { return {value.storage, value.view.offset, false, 0}; }
Access Write(const PlannedValue& value) { return {value.storage, value.view.offset, true, 0}; }

// Returns the function of floats of an elementwise operation.
MapFunction FunctionOf(OpCode code) {
  switch (code) {
#define RNNSERVE_FUNCTION(name) \
  case OpCode::name:            \
    return MapFunction::name;
    RNNSERVE_FUNCTION(kNeg)
    RNNSERVE_FUNCTION(kAbs)
    RNNSERVE_FUNCTION(kSign)
    RNNSERVE_FUNCTION(kExp)
    RNNSERVE_FUNCTION(kExpm1)
    RNNSERVE_FUNCTION(kLog)
    RNNSERVE_FUNCTION(kLog1p)
    RNNSERVE_FUNCTION(kSqrt)
    RNNSERVE_FUNCTION(kRsqrt)
    RNNSERVE_FUNCTION(kSquare)
    RNNSERVE_FUNCTION(kSin)
    RNNSERVE_FUNCTION(kCos)
    RNNSERVE_FUNCTION(kTan)
    RNNSERVE_FUNCTION(kAsin)
    RNNSERVE_FUNCTION(kAcos)
    RNNSERVE_FUNCTION(kAtan)
    RNNSERVE_FUNCTION(kSinh)
    RNNSERVE_FUNCTION(kCosh)
    RNNSERVE_FUNCTION(kAsinh)
    RNNSERVE_FUNCTION(kAcosh)
    RNNSERVE_FUNCTION(kAtanh)
    RNNSERVE_FUNCTION(kTanh)
    RNNSERVE_FUNCTION(kSigmoid)
    RNNSERVE_FUNCTION(kSoftplus)
    RNNSERVE_FUNCTION(kLogSigmoid)
    RNNSERVE_FUNCTION(kSilu)
    RNNSERVE_FUNCTION(kGelu)
    RNNSERVE_FUNCTION(kRelu)
    RNNSERVE_FUNCTION(kErf)
    RNNSERVE_FUNCTION(kErfc)
    RNNSERVE_FUNCTION(kFloor)
    RNNSERVE_FUNCTION(kCeil)
    RNNSERVE_FUNCTION(kRound)
    RNNSERVE_FUNCTION(kIsFinite)
    RNNSERVE_FUNCTION(kIsNan)
    RNNSERVE_FUNCTION(kAdd)
    RNNSERVE_FUNCTION(kSub)
    RNNSERVE_FUNCTION(kMul)
    RNNSERVE_FUNCTION(kDiv)
    RNNSERVE_FUNCTION(kMax)
    RNNSERVE_FUNCTION(kMin)
    RNNSERVE_FUNCTION(kPow)
    RNNSERVE_FUNCTION(kRem)
    RNNSERVE_FUNCTION(kMod)
    RNNSERVE_FUNCTION(kAtan2)
    RNNSERVE_FUNCTION(kEq)
    RNNSERVE_FUNCTION(kNe)
    RNNSERVE_FUNCTION(kLt)
    RNNSERVE_FUNCTION(kLe)
    RNNSERVE_FUNCTION(kGt)
    RNNSERVE_FUNCTION(kGe)
    RNNSERVE_FUNCTION(kWhere)
#undef RNNSERVE_FUNCTION
    default:
      break;
  }
  assert(false && "not a function of floats");
  return MapFunction::kAbs;
}

Reduction ReductionOf(OpCode code) {
  return code == OpCode::kReduceSum   ? Reduction::kSum
         : code == OpCode::kReduceMax ? Reduction::kMax
         : code == OpCode::kReduceMin ? Reduction::kMin
                                      : Reduction::kProduct;
}

// Returns where position `at` of an axis that was padded comes from, or -1 from nowhere.
int64_t Unpadded(int64_t at, int64_t low, int64_t extent, PadMode mode) {
  const int64_t from = at - low;
  if (from >= 0 && from < extent) return from;
  if (mode == PadMode::kConstant) return -1;
  if (mode == PadMode::kEdge) return from < 0 ? 0 : extent - 1;
  // Reflected without repeating the first and last element.
  if (extent == 1) return 0;
  const int64_t period = 2 * (extent - 1);
  const int64_t phase = ((from % period) + period) % period;
  return phase < extent ? phase : period - phase;
}

// Returns the table of a gather: for each element of the result, at position p, `offset_of(p)`.
template <typename OffsetOf>
std::vector<int32_t> Table(absl::Span<const int64_t> extents, OffsetOf offset_of) {
  const StridedView result = StridedView::Dense(extents);
  std::vector<int32_t> table(static_cast<size_t>(result.size()));
  std::vector<int64_t> position(extents.size(), 0);
  for (int32_t& entry : table) {
    entry = static_cast<int32_t>(offset_of(position));
    for (size_t i = extents.size(); i-- > 0;) {
      if (++position[i] < extents[i]) break;
      position[i] = 0;
    }
  }
  return table;
}

// Puts vectors before scalars in each product, and products of two vectors first: the form that the
// kernels are best at.
void OrderFactors(const std::vector<StridedView>& views, std::vector<PlannedValue>& operands) {
  const LoopNest nest(views, LoopNest::Order::kOfMemory);
  const auto is_scalar = [&](size_t k) { return nest.inner_stride(1 + k) == 0; };
  std::vector<std::pair<int, std::pair<PlannedValue, PlannedValue>>> products;
  for (size_t k = 0; k < operands.size(); k += 2) {
    const int num_scalars = int{is_scalar(k)} + int{is_scalar(k + 1)};
    const bool swaps = is_scalar(k) && !is_scalar(k + 1);
    products.push_back({num_scalars, {operands[swaps ? k + 1 : k], operands[swaps ? k : k + 1]}});
  }
  std::stable_sort(products.begin(), products.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  operands.clear();
  for (auto& [num_scalars, factors] : products) {
    operands.push_back(std::move(factors.first));
    operands.push_back(std::move(factors.second));
  }
}

}  // namespace

PlannedValue Lowering::NewDense(ElementType type, absl::Span<const int64_t> extents) {
  StridedView view = StridedView::Dense(extents);
  return {type, storages_.NewRowStorage(view.size()), std::move(view)};
}

void Lowering::Copy(const PlannedValue& from, StorageId to, const StridedView& to_view) {
  code_.push_back(std::make_unique<CopyInstruction>(Access{to, to_view.offset, true, 0}, to_view,
                                                    Read(from), from.view));
}

PlannedValue Lowering::Dense(const PlannedValue& value) {
  if (value.view.IsDense()) {
    return {value.type, value.storage, StridedView::Dense(value.view.extents, value.view.offset)};
  }
  PlannedValue dense = NewDense(value.type, value.view.extents);
  Copy(value, dense.storage, dense.view);
  return dense;
}

PlannedValue Lowering::Ascending(const PlannedValue& value) {
  for (const int64_t stride : value.view.strides) {
    if (stride < 0) return Dense(value);
  }
  return value;
}

PlannedValue Lowering::Exchange(const PlannedValue& value, ElementType type, bool is_inward) {
  PlannedValue result = NewDense(type, value.view.extents);
  code_.push_back(std::make_unique<ExchangeInstruction>(type, is_inward, Write(result), Read(value),
                                                        value.view.size()));
  return result;
}

void Lowering::ExchangeTo(const PlannedValue& value, StorageId to) {
  const PlannedValue dense = Dense(value);
  code_.push_back(std::make_unique<ExchangeInstruction>(
      value.type, /*is_inward=*/false, Access{to, 0, true, 0}, Read(dense), dense.view.size()));
}

PlannedValue Lowering::NewLike(ElementType type, absl::Span<const int64_t> extents,
                               const std::vector<PlannedValue>& operands) {
  const int64_t size = StridedView::Dense(extents).size();
  for (const PlannedValue& operand : operands) {
    if (operand.view.size() != size || operand.view.extents.size() != extents.size()) continue;
    std::vector<int64_t> perm(extents.size());
    for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
    const auto stride = [&](int64_t axis) {
      const auto i = static_cast<size_t>(axis);
      return extents[i] == 1 ? 0 : std::abs(operand.view.strides[i]);
    };
    std::stable_sort(perm.begin(), perm.end(),
                     [&](int64_t a, int64_t b) { return stride(a) > stride(b); });
    std::vector<int64_t> turned;
    std::vector<int64_t> back(perm.size());
    for (size_t i = 0; i < perm.size(); ++i) {
      turned.push_back(extents[static_cast<size_t>(perm[i])]);
      back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
    }
    PlannedValue value = NewDense(type, turned);
    value.view = value.view.Transposed(back);
    return value;
  }
  return NewDense(type, extents);
}

PlannedValue Lowering::Map(MapFunction function, absl::Span<const int64_t> extents,
                           std::vector<PlannedValue> operands) {
  const PlannedValue result = NewLike(ElementType::kFloat32, extents, operands);
  const auto all_views = [&] {
    std::vector<StridedView> views = {result.view};
    for (const PlannedValue& operand : operands) views.push_back(operand.view.Broadcast(extents));
    return views;
  };
  // Copies an operand in the order of the result.
  const auto turn = [&](PlannedValue& operand) {
    PlannedValue copy = result;
    copy.type = operand.type;
    copy.storage = storages_.NewRowStorage(result.view.size());
    operand.view = operand.view.Broadcast(extents);
    Copy(operand, copy.storage, copy.view);
    operand = std::move(copy);
  };
  if (!MapInstruction::CanRun(all_views())) {
    for (PlannedValue& operand : operands) {
      const StridedView view = operand.view.Broadcast(extents);
      if (!MapInstruction::CanRun({result.view, view})) turn(operand);
    }
    // The operands may still not agree on the axis of the vector.
    if (!MapInstruction::CanRun(all_views())) {
      for (PlannedValue& operand : operands) turn(operand);
    }
  }
  const LoopNest nest(all_views(), LoopNest::Order::kOfMemory);
  if (nest.rank() > 1 && nest.inner_extent() < kShortVector) {
    // Copies in the shape of the result leave one long loop.
    for (PlannedValue& operand : operands) {
      const LoopNest own({result.view, operand.view.Broadcast(extents)},
                         LoopNest::Order::kOfMemory);
      if (own.rank() > 1) turn(operand);
    }
  }
  if (function == MapFunction::kSumOfProducts || function == MapFunction::kSumOfThreeProducts) {
    OrderFactors(all_views(), operands);
  }
  std::vector<Access> accesses = {Write(result)};
  for (const PlannedValue& operand : operands) accesses.push_back(Read(operand));
  code_.push_back(std::make_unique<MapInstruction>(function, std::move(accesses), all_views()));
  return result;
}

PlannedValue Lowering::Elementwise(const Program::Operation& operation, ElementType type,
                                   absl::Span<const int64_t> extents,
                                   std::vector<PlannedValue> operands) {
  const OpCode code = operation.code;
  const ElementType from = operands.back().type;
  if (code == OpCode::kCast && from == type) return operands[0];
  if (code == OpCode::kWhere || (from == ElementType::kFloat32 && code != OpCode::kCast)) {
    MapFunction function = FunctionOf(code);
    if (code == OpCode::kPow && IsScalar(operands[1], 2.0f)) {
      function = MapFunction::kSquare;
      operands.pop_back();
    }
    PlannedValue result = Map(function, extents, std::move(operands));
    result.type = type;
    return result;
  }
  const PlannedValue result = NewLike(type, extents, operands);
  std::vector<Access> accesses = {Write(result)};
  std::vector<StridedView> views = {result.view};
  for (const PlannedValue& operand : operands) {
    accesses.push_back(Read(operand));
    views.push_back(operand.view.Broadcast(extents));
  }
  code_.push_back(
      std::make_unique<IntegerMapInstruction>(code, from, type, std::move(accesses), views));
  return result;
}

bool Lowering::IsScalar(const PlannedValue& value, float wanted) const {
  const float* const elements = storages_.ConstantAt(value.storage);
  return elements != nullptr && value.view.size() == 1 && elements[value.view.offset] == wanted;
}

PlannedValue Lowering::SumOfProducts(absl::Span<const int64_t> extents,
                                     absl::Span<const int64_t> axes, const PlannedValue& first,
                                     const PlannedValue& second) {
  // As a product whose operands have all axes.
  DotEquation equation;
  for (size_t i = 0; i < extents.size(); ++i) {
    const char letter = static_cast<char>('a' + i);
    const bool is_summed =
        std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    equation.a += letter;
    equation.b += letter;
    (is_summed ? equation.summed : equation.result) += letter;
  }
  PlannedValue a = first;
  PlannedValue b = second;
  a.view = a.view.Broadcast(extents);
  b.view = b.view.Broadcast(extents);
  return Dot(equation, std::move(a), std::move(b));
}

PlannedValue Lowering::Concat(const Attributes& attributes, absl::Span<const int64_t> extents,
                              const std::vector<PlannedValue>& operands) {
  const PlannedValue result = NewDense(operands[0].type, extents);
  int64_t at = 0;
  const auto axis = static_cast<size_t>(attributes.axis);
  for (const PlannedValue& operand : operands) {
    StridedView part = result.view;
    part.offset += at * part.strides[axis];
    part.extents = operand.view.extents;
    at += part.extents[axis];
    Copy(operand, result.storage, part);
  }
  return result;
}

PlannedValue Lowering::Pad(const Attributes& attributes, absl::Span<const int64_t> extents,
                           const std::vector<PlannedValue>& operands) {
  const PlannedValue from = Ascending(operands[0]);
  const PlannedValue result = NewDense(from.type, extents);
  std::vector<int32_t> table = Table(extents, [&](const std::vector<int64_t>& position) {
    int64_t offset = 0;
    for (size_t i = 0; i < position.size(); ++i) {
      const int64_t at =
          Unpadded(position[i], attributes.pads[i].low, from.view.extents[i], attributes.mode);
      if (at < 0) return int64_t{-1};
      offset += at * from.view.strides[i];
    }
    return offset;
  });
  const PlannedValue& fill = operands.size() > 1 ? operands[1] : from;
  code_.push_back(
      std::make_unique<GatherInstruction>(Write(result), Read(from), Read(fill), std::move(table)));
  return result;
}

PlannedValue Lowering::Gather(const Attributes& attributes, absl::Span<const int64_t> extents,
                              const std::vector<PlannedValue>& operands) {
  const PlannedValue from = Ascending(operands[0]);
  const PlannedValue& indices = operands[1];
  const float* const index = storages_.ConstantAt(indices.storage);
  assert(index != nullptr);
  const auto axis = static_cast<size_t>(attributes.axis);
  const size_t index_rank = indices.view.extents.size();
  const PlannedValue result = NewDense(from.type, extents);
  std::vector<int32_t> table = Table(extents, [&](const std::vector<int64_t>& position) {
    int64_t at = indices.view.offset;
    for (size_t i = 0; i < index_rank; ++i) at += position[axis + i] * indices.view.strides[i];
    const int64_t wanted = std::bit_cast<int32_t>(index[at]);
    const int64_t extent = from.view.extents[axis];
    int64_t offset = std::clamp<int64_t>(wanted, 0, extent - 1) * from.view.strides[axis];
    for (size_t i = 0; i < from.view.extents.size(); ++i) {
      if (i == axis) continue;
      const size_t of_result = i < axis ? i : i + index_rank - 1;
      offset += position[of_result] * from.view.strides[i];
    }
    return offset;
  });
  code_.push_back(
      std::make_unique<GatherInstruction>(Write(result), Read(from), Read(from), std::move(table)));
  return result;
}

PlannedValue Lowering::Windows(const PlannedValue& x, const WindowGrid& grid) {
  const PlannedValue from = Ascending(x);
  const size_t num_spatial = grid.positions.size();
  std::vector<int64_t> extents = {grid.groups};
  extents.insert(extents.end(), grid.positions.begin(), grid.positions.end());
  extents.insert(extents.end(), grid.taps.begin(), grid.taps.end());
  const int64_t channels = from.view.extents[0] / grid.groups;
  extents.push_back(channels);
  const PlannedValue result = NewDense(from.type, extents);
  std::vector<int32_t> table = Table(extents, [&](const std::vector<int64_t>& position) {
    int64_t offset = (position[0] * channels + position.back()) * from.view.strides[0];
    for (size_t i = 0; i < num_spatial; ++i) {
      const int64_t at = position[1 + i] * grid.strides[i] +
                         position[1 + num_spatial + i] * grid.dilations[i] - grid.lows[i];
      if (at < 0 || at >= from.view.extents[1 + i]) return int64_t{-1};
      offset += at * from.view.strides[1 + i];
    }
    return offset;
  });
  const float zero = 0.0f;
  const Access fill = {storages_.NewConstant({&zero, 1})};
  code_.push_back(
      std::make_unique<GatherInstruction>(Write(result), Read(from), fill, std::move(table)));
  return result;
}

PlannedValue Lowering::Update(const Attributes& attributes,
                              const std::vector<PlannedValue>& operands) {
  const PlannedValue result = NewDense(operands[0].type, operands[0].view.extents);
  Copy(operands[0], result.storage, result.view);
  StridedView part = result.view;
  part.extents = operands[1].view.extents;
  for (size_t i = 0; i < part.extents.size(); ++i) {
    part.offset += attributes.starts[i] * part.strides[i];
  }
  Copy(operands[1], result.storage, part);
  return result;
}

PlannedValue Lowering::Reduce(const Program::Operation& operation,
                              absl::Span<const int64_t> extents, PlannedValue operand) {
  const auto& axes = operation.attributes.axes;
  const PlannedValue result = NewDense(operand.type, extents);
  const auto loops_of = [&](const StridedView& view) {
    ReduceLoops loops;
    size_t kept = 0;
    for (size_t i = 0; i < view.extents.size(); ++i) {
      const bool is_reduced =
          std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
      if (is_reduced) {
        loops.reduced.push_back({view.extents[i], {0, view.strides[i], 0}});
      } else {
        loops.kept.push_back({view.extents[i], {result.view.strides[kept++], view.strides[i], 0}});
      }
    }
    return loops;
  };
  if (!ReduceInstruction::HasVector(loops_of(operand.view), 1)) {
    // A copy with the reduced axes last.
    std::vector<int64_t> perm;
    for (const bool reduced : {false, true}) {
      for (size_t i = 0; i < operand.view.extents.size(); ++i) {
        const auto axis = static_cast<int64_t>(i);
        if ((std::find(axes.begin(), axes.end(), axis) != axes.end()) == reduced) {
          perm.push_back(axis);
        }
      }
    }
    PlannedValue turned = operand;
    turned.view = operand.view.Transposed(perm);
    turned = Dense(turned);
    std::vector<int64_t> back(perm.size());
    for (size_t i = 0; i < perm.size(); ++i)
      back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
    turned.view = turned.view.Transposed(back);
    operand = turned;
  }
  code_.push_back(std::make_unique<ReduceInstruction>(
      ReductionOf(operation.code), std::vector<Access>{Write(result), Read(operand)},
      loops_of(operand.view)));
  return result;
}

PlannedValue Lowering::Dot(const DotEquation& equation, PlannedValue first, PlannedValue second) {
  const auto extent_of = [&](char letter) {
    const size_t a = equation.a.find(letter);
    if (a != std::string::npos) return first.view.extents[a];
    return second.view.extents[equation.b.find(letter)];
  };
  const auto stride_of = [](const std::string& letters, const StridedView& view, char letter) {
    const size_t at = letters.find(letter);
    return at == std::string::npos ? 0 : view.strides[at];
  };
  std::vector<int64_t> extents;
  for (const char letter : equation.result) extents.push_back(extent_of(letter));
  const PlannedValue result = NewDense(ElementType::kFloat32, extents);
  const std::string& reduced = equation.summed;
  const auto loops_now = [&] {
    ReduceLoops loops;
    for (const char letter : equation.result + reduced) {
      const bool is_kept = equation.result.find(letter) != std::string::npos;
      (is_kept ? loops.kept : loops.reduced)
          .push_back({extent_of(letter),
                      {stride_of(equation.result, result.view, letter),
                       stride_of(equation.a, first.view, letter),
                       stride_of(equation.b, second.view, letter)}});
    }
    return loops;
  };
  if (!ReduceInstruction::HasVector(loops_now(), 2)) {
    // Copies with the reduced axes last.
    const auto turn = [&](const std::string& letters, PlannedValue& value) {
      std::vector<int64_t> perm;
      for (const char letter : equation.result + reduced) {
        const size_t at = letters.find(letter);
        if (at != std::string::npos) perm.push_back(static_cast<int64_t>(at));
      }
      value.view = value.view.Transposed(perm);
      value = Dense(value);
      std::vector<int64_t> back(perm.size());
      for (size_t i = 0; i < perm.size(); ++i)
        back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
      value.view = value.view.Transposed(back);
    };
    turn(equation.a, first);
    turn(equation.b, second);
  }
  code_.push_back(std::make_unique<ReduceInstruction>(
      Reduction::kSum, std::vector<Access>{Write(result), Read(first), Read(second)}, loops_now()));
  return result;
}

std::vector<PlannedValue> Lowering::Rare(const std::vector<Program::Value>& values,
                                         const Program::Operation& operation,
                                         const std::vector<PlannedValue>& operands) {
  std::vector<PlannedValue> results;
  std::vector<Program::Value> of_instruction;
  std::vector<Access> accesses;
  for (const Program::ValueId id : operation.results) {
    results.push_back(NewDense(values[id].type, values[id].shape.extents()));
    of_instruction.push_back(values[id]);
    accesses.push_back(Write(results.back()));
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    of_instruction.push_back(values[operation.operands[i]]);
    accesses.push_back(Read(Dense(operands[i])));
  }
  const int64_t workspace =
      RareInstruction::WorkspaceSize(operation.code, values[operation.operands[0]].shape);
  if (workspace > 0) accesses.push_back({storages_.NewRowStorage(workspace), 0, true, 0});
  code_.push_back(std::make_unique<RareInstruction>(operation.code, operation.attributes,
                                                    std::move(of_instruction),
                                                    operation.results.size(), std::move(accesses)));
  return results;
}

std::vector<PlannedValue> Lowering::Lower(const std::vector<Program::Value>& values,
                                          const Program::Operation& operation,
                                          const std::vector<PlannedValue>& operands) {
  const Program::Value& result = values[operation.results[0]];
  const absl::Span<const int64_t> extents = result.shape.extents();
  const Attributes& attributes = operation.attributes;
  PlannedValue moved = operands[0];
  switch (operation.code) {
    case OpCode::kReshape:
      if (const std::optional<StridedView> view = moved.view.Reshaped(extents)) {
        moved.view = *view;
      } else {
        moved = Dense(moved);
        moved.view = *moved.view.Reshaped(extents);
      }
      return {moved};
    case OpCode::kTranspose:
      moved.view = moved.view.Transposed(attributes.perm);
      return {moved};
    case OpCode::kBroadcast:
      moved.view = moved.view.Broadcast(extents);
      return {moved};
    case OpCode::kSlice:
      moved.view = moved.view.Sliced(attributes.slices);
      return {moved};
    case OpCode::kConcat:
      return {Concat(attributes, extents, operands)};
    case OpCode::kPad:
      return {Pad(attributes, extents, operands)};
    case OpCode::kGather:
      return {Gather(attributes, extents, operands)};
    case OpCode::kUpdate:
      return {Update(attributes, operands)};
    case OpCode::kDot:
      return {Dot(*DotEquation::Parse(attributes.equation), operands[0], operands[1])};
    case OpCode::kConv:
      return {Convolve(attributes.window, extents, operands[0], operands[1])};
    case OpCode::kReduceSum:
    case OpCode::kReduceMax:
    case OpCode::kReduceMin:
    case OpCode::kReduceProd:
      if (result.type != ElementType::kFloat32) return Rare(values, operation, operands);
      return {Reduce(operation, extents, operands[0])};
    default:
      break;
  }
  if (TraitsOf(operation.code).kind == OperationKind::kElementwise) {
    return {Elementwise(operation, result.type, extents, operands)};
  }
  return Rare(values, operation, operands);
}

}  // namespace rnnserve
