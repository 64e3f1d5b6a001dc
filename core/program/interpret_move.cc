// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operations that move elements. For each element of the result, a loop finds out where it comes
// from.

#include <algorithm>
#include <utility>

#include "core/program/interpret.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;
using Indices = std::vector<int64_t>;

// Returns a tensor of shape `to`, whose element at a position is that of `elements` at
// `source(position)`.
template <typename Source>
Elements MoveFrom(const Elements& elements, const Shape& from, const Shape& to, Source source) {
  Elements result;
  Position position(to);
  do {
    result.push_back(elements[OffsetOf(from, source(position))]);
  } while (position.Next());
  return result;
}

Elements Transpose(const Interpretation& at) {
  const Indices& perm = at.attributes().perm;
  return MoveFrom(*at.operands[0], at.operand(0).shape, at.result().shape,
                  [&perm](const Position& position) {
                    Indices source(perm.size());
                    for (size_t axis = 0; axis < perm.size(); ++axis) {
                      source[static_cast<size_t>(perm[axis])] = position[axis];
                    }
                    return source;
                  });
}

Elements Slice(const Interpretation& at) {
  const auto& slices = at.attributes().slices;
  return MoveFrom(*at.operands[0], at.operand(0).shape, at.result().shape,
                  [&slices](const Position& position) {
                    Indices source;
                    for (size_t axis = 0; axis < slices.size(); ++axis) {
                      source.push_back(slices[axis].start + position[axis] * slices[axis].step);
                    }
                    return source;
                  });
}

Elements Concat(const Interpretation& at) {
  const AxisView result(at.result().shape, at.attributes().axis);
  Elements elements;
  for (size_t o = 0; o < result.outer; ++o) {
    for (size_t n = 0; n < at.operands.size(); ++n) {
      const AxisView part(at.operand(n).shape, at.attributes().axis);
      const auto begin =
          at.operands[n]->begin() + static_cast<std::ptrdiff_t>(o * part.extent * part.inner);
      elements.insert(elements.end(), begin,
                      begin + static_cast<std::ptrdiff_t>(part.extent * part.inner));
    }
  }
  return elements;
}

// Returns the element of an axis that stands at `index`, which may be outside; -1 if none does.
int64_t PaddedIndex(int64_t index, int64_t extent, PadMode mode) {
  if (index >= 0 && index < extent) return index;
  if (mode == PadMode::kEdge) return std::clamp<int64_t>(index, 0, extent - 1);
  if (mode == PadMode::kReflect) return index < 0 ? -index : 2 * (extent - 1) - index;
  return -1;
}

Elements Pad(const Interpretation& at) {
  const Shape& from = at.operand(0).shape;
  const auto& pads = at.attributes().pads;
  Elements result;
  Position position(at.result().shape);
  do {
    Indices source;
    for (size_t axis = 0; axis < pads.size(); ++axis) {
      source.push_back(PaddedIndex(position[axis] - pads[axis].low, from[static_cast<int>(axis)],
                                   at.attributes().mode));
    }
    const bool is_filled = std::find(source.begin(), source.end(), -1) != source.end();
    result.push_back(is_filled ? at.operands[1]->front()
                               : (*at.operands[0])[OffsetOf(from, source)]);
  } while (position.Next());
  return result;
}

Elements Update(const Interpretation& at) {
  Elements result = *at.operands[0];
  const Shape& part = at.operand(1).shape;
  Position position(part);
  do {
    Indices target = at.attributes().starts;
    for (size_t axis = 0; axis < target.size(); ++axis) target[axis] += position[axis];
    result[OffsetOf(at.result().shape, target)] =
        (*at.operands[1])[OffsetOf(part, position.indices())];
  } while (position.Next());
  return result;
}

size_t Clamp(uint32_t index, size_t extent) {
  return static_cast<size_t>(
      std::clamp<int64_t>(AsInteger(index), 0, static_cast<int64_t>(extent) - 1));
}

// kGather and kTake.
Elements Take(const Interpretation& at) {
  const AxisView view(at.operand(0).shape, at.attributes().axis);
  const Elements& indices = *at.operands[1];
  Elements result;
  for (size_t o = 0; o < view.outer; ++o) {
    for (const uint32_t index : indices) {
      for (size_t i = 0; i < view.inner; ++i) {
        result.push_back((*at.operands[0])[view.Offset(o, i, Clamp(index, view.extent))]);
      }
    }
  }
  return result;
}

// Calls `visit(in x, in index)` with the places that kTakeAlong and kScatterAlong connect, in
// row-major order of the index.
template <typename Visit>
void VisitAlong(const Interpretation& at, Visit visit) {
  const AxisView view(at.operand(0).shape, at.attributes().axis);
  const AxisView index(at.operand(1).shape, at.attributes().axis);
  for (size_t o = 0; o < index.outer; ++o) {
    for (size_t along = 0; along < index.extent; ++along) {
      for (size_t i = 0; i < index.inner; ++i) {
        const size_t place = index.Offset(o, i, along);
        visit(view.Offset(o, i, Clamp((*at.operands[1])[place], view.extent)), place);
      }
    }
  }
}

}  // namespace

Elements BroadcastElements(const Elements& elements, const Shape& from, const Shape& to) {
  const size_t skipped = static_cast<size_t>(to.rank() - from.rank());
  return MoveFrom(elements, from, to, [&](const Position& position) {
    Indices source(static_cast<size_t>(from.rank()));
    for (size_t axis = 0; axis < source.size(); ++axis) {
      source[axis] = from[static_cast<int>(axis)] == 1 ? 0 : position[skipped + axis];
    }
    return source;
  });
}

ElementsList InterpretMove(const Interpretation& at) {
  switch (at.operation.code) {
    case OpCode::kReshape:
      return {*at.operands[0]};
    case OpCode::kTranspose:
      return {Transpose(at)};
    case OpCode::kBroadcast:
      return {BroadcastElements(*at.operands[0], at.operand(0).shape, at.result().shape)};
    case OpCode::kSlice:
      return {Slice(at)};
    case OpCode::kConcat:
      return {Concat(at)};
    case OpCode::kPad:
      return {Pad(at)};
    case OpCode::kUpdate:
      return {Update(at)};
    default:
      return {Take(at)};
  }
}

ElementsList InterpretIndexed(const Interpretation& at) {
  const Elements& x = *at.operands[0];
  if (at.operation.code == OpCode::kTake) return {Take(at)};
  if (at.operation.code == OpCode::kTakeAlong) {
    Elements result(at.operands[1]->size());
    VisitAlong(at, [&](size_t in_x, size_t in_index) { result[in_index] = x[in_x]; });
    return {std::move(result)};
  }
  Elements result = x;
  VisitAlong(at, [&](size_t in_x, size_t in_index) { result[in_x] = (*at.operands[2])[in_index]; });
  return {std::move(result)};
}

}  // namespace rnnserve
