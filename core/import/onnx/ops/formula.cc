// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/ops/formula.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/onnx_limits.h"

namespace rnnserve {
namespace {

Shape Resized(const Shape& shape, int axis, int64_t extent) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents[static_cast<size_t>(axis)] = extent;
  return Shape(extents);
}

}  // namespace

void Formula::Fail(absl::string_view text) {
  if (ok()) status_ = InvalidArgument("MODEL_CONFIG", text);
}

void Formula::Refuse(absl::string_view text) {
  if (ok()) status_ = NotServed(text);
}

bool Formula::Require(bool condition, absl::string_view text) {
  if (!condition) Fail(text);
  return condition;
}

bool Formula::RequireRoom(std::initializer_list<int64_t> extents) {
  const Shape shape(extents);
  const std::optional<int64_t> elements = shape.NumElements();
  const bool has_room = elements.has_value() && *elements <= kOnnxMadeElementsMax;
  if (!has_room && ok()) {
    status_ = InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat("a tensor of shape ", shape.ToString(), " would be made; at most ",
                     kOnnxMadeElementsMax, " elements are allowed"));
  }
  return has_room;
}

absl::StatusOr<std::vector<BuiltValue>> Formula::Return(std::vector<BuiltValue> results) {
  // A failure of the formula may only follow from one of the node, such as an operand that is left
  // out. What the node was never asked for does not matter if the formula failed.
  const absl::Status node = node_.Check();
  if (!ok() && (node.ok() || node.code() == absl::StatusCode::kUnimplemented)) return status_;
  RNNSERVE_RETURN_IF_ERROR(node);
  return results;
}

BuiltValue Formula::Floats(std::vector<float> values, const Shape& shape) {
  return BuiltValue(OnnxTensor{ElementType::kFloat32, shape, std::move(values)});
}

BuiltValue Formula::Integers(std::vector<int64_t> values, const Shape& shape) {
  return BuiltValue(OnnxTensor{ElementType::kInt32, shape, std::move(values)});
}

BuiltValue Formula::Bools(std::vector<int64_t> values, const Shape& shape) {
  return BuiltValue(OnnxTensor{ElementType::kBool, shape, std::move(values)});
}

BuiltValue Formula::Scalar(const BuiltValue& like, double value) {
  if (like.type() == ElementType::kFloat32) return Floats({static_cast<float>(value)}, Shape());
  return BuiltValue(
      OnnxTensor{like.type(), Shape(), std::vector<int64_t>{static_cast<int64_t>(value)}});
}

BuiltValue Formula::Iota(int64_t n) {
  if (!ok() || !RequireRoom({n})) return Integers({0}, Shape());
  return Integers(Counting(n), Shape({n}));
}

BuiltValue Formula::Take(absl::StatusOr<BuiltValue> result) {
  if (result.ok()) return *std::move(result);
  if (ok()) status_ = result.status();
  return BuiltValue();
}

BuiltValue Formula::Apply(OpCode code, std::initializer_list<BuiltValue> operands,
                          Attributes attributes) {
  if (!ok()) return BuiltValue();
  return Take(node_.builder().Add(code, operands, std::move(attributes)));
}

std::vector<BuiltValue> Formula::ApplyAll(OpCode code, absl::Span<const BuiltValue> operands,
                                          Attributes attributes) {
  if (!ok()) return {};
  absl::StatusOr<std::vector<BuiltValue>> results =
      node_.builder().AddAll(code, operands, std::move(attributes));
  if (results.ok()) return *std::move(results);
  status_ = results.status();
  return {};
}

BuiltValue Formula::Empty(ElementType type, const Shape& shape) {
  if (type == ElementType::kFloat32) {
    return BuiltValue(OnnxTensor{type, shape, std::vector<float>()});
  }
  return BuiltValue(OnnxTensor{type, shape, std::vector<int64_t>()});
}

BuiltValue Formula::Cast(const BuiltValue& x, ElementType type) {
  if (x.shape().NumElements() == 0) return Empty(type, x.shape());
  return ok() ? Take(node_.builder().Cast(x, type)) : BuiltValue();
}

BuiltValue Formula::CastTo(const BuiltValue& x, int64_t data_type) {
  constexpr int64_t kFloat = 1;
  constexpr int64_t kInt32 = 6;
  constexpr int64_t kInt64 = 7;
  constexpr int64_t kBool = 9;
  constexpr int64_t kFloat16 = 10;
  constexpr int64_t kDouble = 11;
  constexpr int64_t kBfloat16 = 16;
  switch (data_type) {
    case kFloat:
    case kFloat16:  // These types are computed in float32, as everywhere.
    case kBfloat16:
    case kDouble:
      return Cast(x, ElementType::kFloat32);
    case kInt32:
    case kInt64:
      return Cast(x, ElementType::kInt32);
    case kBool:
      return Cast(x, ElementType::kBool);
    default:
      Refuse(absl::StrCat("a cast to element type number ", data_type,
                          " is not served; floats, int32, int64 and bool are"));
      return x;
  }
}

BuiltValue Formula::Reshape(const BuiltValue& x, const Shape& shape) {
  if (x.shape().NumElements() == 0 && shape.NumElements() == 0) return Empty(x.type(), shape);
  return ok() ? Take(node_.builder().Reshape(x, shape)) : BuiltValue();
}

BuiltValue Formula::Broadcast(const BuiltValue& x, const Shape& shape) {
  if (shape.NumElements() == 0) return Empty(x.type(), shape);
  return ok() ? Take(node_.builder().Broadcast(x, shape)) : BuiltValue();
}

BuiltValue Formula::Transpose(const BuiltValue& x, std::vector<int64_t> perm) {
  return ok() ? Take(node_.builder().Transpose(x, std::move(perm))) : BuiltValue();
}

BuiltValue Formula::Slice(const BuiltValue& x, int axis, int64_t start, int64_t limit,
                          int64_t step) {
  if (!ok() || !Require(axis < x.rank(), "an axis is out of range")) return BuiltValue();
  if (start == limit) return Empty(x.type(), Resized(x.shape(), axis, 0));
  if (step == 1) return Take(node_.builder().Slice(x, axis, start, limit));
  Attributes attributes;
  for (const int64_t extent : x.shape().extents()) attributes.slices.push_back({0, extent, 1});
  attributes.slices[static_cast<size_t>(axis)] = {start, limit, step};
  return Apply(OpCode::kSlice, {x}, std::move(attributes));
}

BuiltValue Formula::Concat(absl::Span<const BuiltValue> parts, int axis) {
  if (!ok()) return BuiltValue();
  if (parts.size() == 1) return parts[0];
  return Take(node_.builder().Concat(parts, axis));
}

BuiltValue Formula::Gather(const BuiltValue& x, const BuiltValue& indices, int axis) {
  Attributes attributes;
  attributes.axis = axis;
  return Apply(indices.is_known() ? OpCode::kGather : OpCode::kTake, {x, indices},
               std::move(attributes));
}

BuiltValue Formula::At(const BuiltValue& x, int axis, int64_t index) {
  if (!ok() || !Require(axis < x.rank(), "an axis is out of range")) return BuiltValue();
  std::vector<int64_t> extents = ExtentsOf(x);
  extents.erase(extents.begin() + axis);
  return Reshape(Slice(x, axis, index, index + 1), Shape(extents));
}

BuiltValue Formula::Reduce(OpCode code, const BuiltValue& x, const std::vector<int64_t>& axes,
                           bool keep) {
  if (!ok() || axes.empty()) return x;
  Attributes attributes;
  attributes.axes = axes;
  std::sort(attributes.axes.begin(), attributes.axes.end());
  const BuiltValue result = Apply(code, {x}, std::move(attributes));
  return keep ? Reshape(result, WithOnes(x.shape(), axes)) : result;
}

BuiltValue Formula::Mean(const BuiltValue& x, const std::vector<int64_t>& axes, bool keep) {
  int64_t count = 1;
  for (const int64_t axis : axes) count *= x.shape()[static_cast<int>(axis)];
  return Div(Sum(x, axes, keep), static_cast<double>(count));
}

BuiltValue Formula::Dot(const BuiltValue& a, const BuiltValue& b, absl::string_view equation) {
  return ok() ? Take(node_.builder().Dot(a, b, equation)) : BuiltValue();
}

std::vector<int64_t> ExtentsOf(const BuiltValue& x) {
  const absl::Span<const int64_t> extents = x.shape().extents();
  return {extents.begin(), extents.end()};
}

int64_t Product(absl::Span<const int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

Shape WithOnes(const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  for (const int64_t axis : axes) extents[static_cast<size_t>(axis)] = 1;
  return Shape(extents);
}

Shape ExpandedShape(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> extents;
  for (int i = 0; i < rank; ++i) {
    const int in_a = i - (rank - a.rank());
    const int in_b = i - (rank - b.rank());
    const int64_t extent_a = in_a < 0 ? 1 : a[in_a];
    const int64_t extent_b = in_b < 0 ? 1 : b[in_b];
    extents.push_back(extent_a == 1   ? extent_b
                      : extent_b == 1 ? extent_a
                                      : std::max(extent_a, extent_b));
  }
  return Shape(extents);
}

std::vector<int64_t> Counting(int64_t n) {
  std::vector<int64_t> numbers(static_cast<size_t>(std::max<int64_t>(n, 0)));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

}  // namespace rnnserve
