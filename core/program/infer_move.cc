// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The shapes of operations that move elements.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/program/infer_values.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

using Extents = std::vector<int64_t>;

Extents ExtentsOf(const Shape& shape) {
  return Extents(shape.extents().begin(), shape.extents().end());
}

// Checks that an attribute has one entry for each axis.
absl::Status CheckOnePerAxis(absl::string_view name, size_t size, const Shape& shape) {
  if (size == shape.extents().size()) return absl::OkStatus();
  return InvalidProgram(absl::StrCat(name, " has ", size, " entries; the shape ", shape.ToString(),
                                     " needs one for each of its ", shape.rank(), " axes"));
}

absl::StatusOr<Shape> InferReshape(const Shape& from, const Shape& to) {
  RNNSERVE_RETURN_IF_ERROR(CheckShape(to, kProgramElementsMax, "the attribute shape"));
  if (from.NumElements() == to.NumElements()) return to;
  return InvalidProgram(absl::StrCat("the shape ", from.ToString(), " has ", *from.NumElements(),
                                     " elements, but ", to.ToString(), " has ", *to.NumElements()));
}

absl::StatusOr<Shape> InferBroadcast(const Shape& from, const Shape& to) {
  RNNSERVE_RETURN_IF_ERROR(CheckShape(to, kProgramElementsMax, "the attribute shape"));
  const auto joint = BroadcastShape(from, to);
  if (joint.has_value() && *joint == to) return to;
  return InvalidProgram(absl::StrCat("the shape ", from.ToString(), " does not broadcast to ",
                                     to.ToString(),
                                     ": counted from the last axis, its extents must"
                                     " be 1 or those of the result"));
}

absl::StatusOr<Shape> InferTranspose(const Shape& shape, const Extents& perm) {
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerAxis("perm", perm.size(), shape));
  Extents extents;
  for (const int64_t axis : perm) {
    RNNSERVE_RETURN_IF_ERROR(CheckAxis(axis, shape));
    if (std::count(perm.begin(), perm.end(), axis) > 1) {
      return InvalidProgram(absl::StrCat("perm names axis ", axis, " twice"));
    }
    extents.push_back(shape[static_cast<int>(axis)]);
  }
  return Shape(extents);
}

absl::Status CheckSlice(const Attributes::Slice& slice, int64_t extent, int axis) {
  const bool is_valid =
      slice.step > 0   ? 0 <= slice.start && slice.start < slice.limit && slice.limit <= extent
      : slice.step < 0 ? -1 <= slice.limit && slice.limit < slice.start && slice.start < extent
                       : false;
  if (is_valid) return absl::OkStatus();
  return InvalidProgram(absl::StrCat(
      "the slice [", slice.start, ", ", slice.limit, ", ", slice.step, "] of axis ", axis,
      " with its ", extent, " elements is empty or leaves the axis; start is from 0 to ",
      extent - 1, ", limit behind it in the direction of step, and step not 0"));
}

absl::StatusOr<Shape> InferSlice(const Shape& shape, const std::vector<Attributes::Slice>& slices) {
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerAxis("slices", slices.size(), shape));
  Extents extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Attributes::Slice& slice = slices[static_cast<size_t>(axis)];
    RNNSERVE_RETURN_IF_ERROR(CheckSlice(slice, shape[axis], axis));
    // The last element is start + (n - 1) * step. No sum here can overflow, even if the step is the
    // smallest or largest number.
    const int64_t distance =
        slice.step > 0 ? slice.limit - slice.start - 1 : slice.start - slice.limit - 1;
    const uint64_t step = slice.step > 0 ? static_cast<uint64_t>(slice.step)
                                         : uint64_t{0} - static_cast<uint64_t>(slice.step);
    extents.push_back(static_cast<int64_t>(static_cast<uint64_t>(distance) / step) + 1);
  }
  return Shape(extents);
}

absl::StatusOr<Shape> InferConcat(OperandValues operands, int64_t axis) {
  const Shape& first = operands[0]->shape;
  RNNSERVE_RETURN_IF_ERROR(CheckAxis(axis, first));
  const size_t joined = static_cast<size_t>(axis);
  Extents extents = ExtentsOf(first);
  int64_t sum = 0;
  for (const Program::Value* operand : operands) {
    Extents others = ExtentsOf(operand->shape);
    const bool has_axis = others.size() == extents.size();
    const int64_t added = has_axis ? std::exchange(others[joined], extents[joined]) : 0;
    if (others != extents) {
      return InvalidProgram(absl::StrCat("the shapes ", first.ToString(), " and ",
                                         operand->shape.ToString(), " cannot be joined along axis ",
                                         axis, ": all other extents must be equal"));
    }
    if (__builtin_add_overflow(sum, added, &sum)) {
      return TooLarge("the joined axis has more than 2^63 elements");
    }
  }
  extents[joined] = sum;
  return Shape(extents);
}

absl::StatusOr<Shape> InferPad(OperandValues operands, const Attributes& attributes) {
  const Shape& shape = operands[0]->shape;
  if ((attributes.mode == PadMode::kConstant) != (operands.size() == 2)) {
    return InvalidProgram(
        "pad takes the value to fill with as its second operand if mode is constant, and only "
        "then");
  }
  if (operands.size() == 2 && operands[1]->shape.rank() != 0) {
    return InvalidProgram(absl::StrCat("the value to fill with has the shape ",
                                       operands[1]->shape.ToString(), "; it must be a scalar"));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerAxis("pads", attributes.pads.size(), shape));
  Extents extents = ExtentsOf(shape);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    const auto [low, high] = attributes.pads[axis];
    const int64_t most =
        attributes.mode == PadMode::kReflect ? extents[axis] - 1 : kProgramElementsMax;
    if (low < 0 || high < 0 || low > most || high > most) {
      return InvalidProgram(absl::StrCat(
          "the pads [", low, ", ", high, "] of axis ", axis, " with its ", extents[axis],
          " elements are not from 0 to ", most,
          attributes.mode == PadMode::kReflect ? ", which is all that mode reflect can mirror"
                                               : ""));
    }
    extents[axis] += low + high;
  }
  return Shape(extents);
}

// kGather and kTake.
absl::StatusOr<Shape> InferTake(OperandValues operands, int64_t axis) {
  const Shape& shape = operands[0]->shape;
  RNNSERVE_RETURN_IF_ERROR(CheckAxis(axis, shape));
  Extents extents = ExtentsOf(shape);
  const absl::Span<const int64_t> indices = operands[1]->shape.extents();
  const auto taken = extents.erase(extents.begin() + axis);
  extents.insert(taken, indices.begin(), indices.end());
  return Shape(extents);
}

// Checks the index of kTakeAlong and kScatterAlong.
absl::Status CheckAlong(OperandValues operands, int64_t axis) {
  const Shape& shape = operands[0]->shape;
  const Shape& index = operands[1]->shape;
  RNNSERVE_RETURN_IF_ERROR(CheckAxis(axis, shape));
  Extents expected = ExtentsOf(shape);
  if (index.rank() == shape.rank()) {
    expected[static_cast<size_t>(axis)] = index[static_cast<int>(axis)];
    if (ExtentsOf(index) == expected) return absl::OkStatus();
  }
  return InvalidProgram(absl::StrCat("the indices have the shape ", index.ToString(),
                                     "; it must be that of the first operand, ", shape.ToString(),
                                     ", except along axis ", axis));
}

absl::StatusOr<Shape> InferScatterAlong(OperandValues operands, int64_t axis) {
  RNNSERVE_RETURN_IF_ERROR(CheckAlong(operands, axis));
  if (operands[1]->shape == operands[2]->shape) return operands[0]->shape;
  return InvalidProgram(absl::StrCat("the indices have the shape ", operands[1]->shape.ToString(),
                                     ", but the updates ", operands[2]->shape.ToString()));
}

absl::StatusOr<Shape> InferUpdate(OperandValues operands, const Extents& starts) {
  const Shape& shape = operands[0]->shape;
  const Shape& part = operands[1]->shape;
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerAxis("starts", starts.size(), shape));
  bool fits = part.rank() == shape.rank();
  for (int axis = 0; fits && axis < shape.rank(); ++axis) {
    const int64_t start = starts[static_cast<size_t>(axis)];
    fits = start >= 0 && start <= shape[axis] - part[axis];
  }
  if (fits) return shape;
  return InvalidProgram(absl::StrCat("a part of shape ", part.ToString(), " does not fit into ",
                                     shape.ToString(), " from [", absl::StrJoin(starts, ", "),
                                     "] on"));
}

}  // namespace

absl::StatusOr<Shape> InferMove(OpCode code, const Attributes& attributes, OperandValues operands) {
  const Shape& shape = operands[0]->shape;
  switch (code) {
    case OpCode::kReshape:
      return InferReshape(shape, attributes.shape);
    case OpCode::kBroadcast:
      return InferBroadcast(shape, attributes.shape);
    case OpCode::kTranspose:
      return InferTranspose(shape, attributes.perm);
    case OpCode::kSlice:
      return InferSlice(shape, attributes.slices);
    case OpCode::kConcat:
      return InferConcat(operands, attributes.axis);
    case OpCode::kPad:
      return InferPad(operands, attributes);
    case OpCode::kGather:
    case OpCode::kTake:
      return InferTake(operands, attributes.axis);
    case OpCode::kTakeAlong:
      RNNSERVE_RETURN_IF_ERROR(CheckAlong(operands, attributes.axis));
      return operands[1]->shape;
    case OpCode::kScatterAlong:
      return InferScatterAlong(operands, attributes.axis);
    case OpCode::kUpdate:
      return InferUpdate(operands, attributes.starts);
    default:
      return InvalidProgram("the operation moves no elements");
  }
}

}  // namespace rnnserve
