// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reductions, cumulative sums and sorting. Sums run over the elements in row-major order.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/program/interpret.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;

OpCode CombinedBy(OpCode code) {
  switch (code) {
    case OpCode::kReduceSum:
    case OpCode::kCumSum:
      return OpCode::kAdd;
    case OpCode::kReduceMax:
      return OpCode::kMax;
    case OpCode::kReduceMin:
      return OpCode::kMin;
    case OpCode::kReduceProd:
      return OpCode::kMul;
    case OpCode::kReduceAny:
      return OpCode::kOr;
    default:
      return OpCode::kAnd;
  }
}

Elements Reduce(const Interpretation& at) {
  const Shape& from = at.operand(0).shape;
  const std::vector<int64_t>& axes = at.attributes().axes;
  const ElementType type = at.operand(0).type;
  const OpCode combine = CombinedBy(at.operation.code);
  Elements result(static_cast<size_t>(*at.result().shape.NumElements()));
  std::vector<bool> has_begun(result.size());
  Position position(from);
  do {
    std::vector<int64_t> kept;
    for (int axis = 0; axis < from.rank(); ++axis) {
      const bool is_kept = std::find(axes.begin(), axes.end(), axis) == axes.end();
      if (is_kept) kept.push_back(position[static_cast<size_t>(axis)]);
    }
    const size_t into = OffsetOf(at.result().shape, kept);
    const uint32_t element = (*at.operands[0])[OffsetOf(from, position.indices())];
    result[into] = has_begun[into] ? ComputeBinary(combine, type, result[into], element) : element;
    has_begun[into] = true;
  } while (position.Next());
  return result;
}

// Compares in the order of sorting: NaN is greater than every number, and equal to itself.
bool IsLess(ElementType type, uint32_t a, uint32_t b) {
  if (type != ElementType::kFloat32) return AsInteger(a) < AsInteger(b);
  if (std::isnan(AsFloat(b))) return !std::isnan(AsFloat(a));
  return AsFloat(a) < AsFloat(b);
}

// kArgMax and kArgMin: the first NaN, or else the first of the largest or smallest elements.
Elements ArgExtreme(const Interpretation& at) {
  const AxisView view(at.operand(0).shape, at.attributes().axis);
  const ElementType type = at.operand(0).type;
  const Elements& x = *at.operands[0];
  const auto is_nan = [type](uint32_t element) {
    return type == ElementType::kFloat32 && std::isnan(AsFloat(element));
  };
  const auto wins = [&](uint32_t challenger, uint32_t best) {
    if (is_nan(best)) return false;
    if (is_nan(challenger)) return true;
    return at.operation.code == OpCode::kArgMax ? IsLess(type, best, challenger)
                                                : IsLess(type, challenger, best);
  };
  Elements result;
  for (size_t o = 0; o < view.outer; ++o) {
    for (size_t i = 0; i < view.inner; ++i) {
      size_t best = 0;
      for (size_t along = 1; along < view.extent; ++along) {
        if (wins(x[view.Offset(o, i, along)], x[view.Offset(o, i, best)])) best = along;
      }
      result.push_back(static_cast<uint32_t>(best));
    }
  }
  return result;
}

Elements CumSum(const Interpretation& at) {
  const AxisView view(at.operand(0).shape, at.attributes().axis);
  const ElementType type = at.operand(0).type;
  Elements result(at.operands[0]->size());
  for (size_t o = 0; o < view.outer; ++o) {
    for (size_t i = 0; i < view.inner; ++i) {
      uint32_t sum = 0;  // the bits of zero, whatever the type
      for (size_t n = 0; n < view.extent; ++n) {
        const size_t along = at.attributes().reverse ? view.extent - 1 - n : n;
        const size_t place = view.Offset(o, i, along);
        const uint32_t next = ComputeBinary(OpCode::kAdd, type, sum, (*at.operands[0])[place]);
        result[place] = at.attributes().exclusive ? sum : next;
        sum = next;
      }
    }
  }
  return result;
}

// Returns where the elements of one line along an axis stand after sorting.
std::vector<size_t> SortedOrder(const Elements& x, ElementType type, const AxisView& view, size_t o,
                                size_t i, bool is_descending) {
  std::vector<size_t> order(view.extent);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const uint32_t at_a = x[view.Offset(o, i, a)];
    const uint32_t at_b = x[view.Offset(o, i, b)];
    return is_descending ? IsLess(type, at_b, at_a) : IsLess(type, at_a, at_b);
  });
  return order;
}

ElementsList Sort(const Interpretation& at) {
  const AxisView view(at.operand(0).shape, at.attributes().axis);
  ElementsList results;
  for (const Elements* operand : at.operands) results.emplace_back(operand->size());
  for (size_t o = 0; o < view.outer; ++o) {
    for (size_t i = 0; i < view.inner; ++i) {
      const std::vector<size_t> order =
          SortedOrder(*at.operands[0], at.operand(0).type, view, o, i, at.attributes().descending);
      for (size_t along = 0; along < view.extent; ++along) {
        for (size_t n = 0; n < results.size(); ++n) {
          results[n][view.Offset(o, i, along)] = (*at.operands[n])[view.Offset(o, i, order[along])];
        }
      }
    }
  }
  return results;
}

ElementsList TopK(const Interpretation& at) {
  const AxisView view(at.operand(0).shape, at.operand(0).shape.rank() - 1);
  Elements values, indices;
  for (size_t o = 0; o < view.outer; ++o) {
    const std::vector<size_t> order =
        SortedOrder(*at.operands[0], at.operand(0).type, view, o, 0, true);
    for (size_t n = 0; n < static_cast<size_t>(at.attributes().k); ++n) {
      values.push_back((*at.operands[0])[view.Offset(o, 0, order[n])]);
      indices.push_back(static_cast<uint32_t>(order[n]));
    }
  }
  return {std::move(values), std::move(indices)};
}

}  // namespace

ElementsList InterpretReduction(const Interpretation& at) {
  const OpCode code = at.operation.code;
  if (code == OpCode::kArgMax || code == OpCode::kArgMin) return {ArgExtreme(at)};
  return {Reduce(at)};
}

ElementsList InterpretScan(const Interpretation& at) {
  if (at.operation.code == OpCode::kCumSum) return {CumSum(at)};
  return at.operation.code == OpCode::kTopK ? TopK(at) : Sort(at);
}

}  // namespace rnnserve
