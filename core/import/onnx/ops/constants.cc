// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operators whose results do not depend on what the elements of their operands are.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "core/import/onnx/onnx_limits.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

Results Constant(NodeConversion& node) {
  Formula f(node);
  if (const OnnxTensor* tensor = node.Tensor("value")) return f.Return({BuiltValue(*tensor)});
  if (node.has_attribute("value_float")) {
    return f.Return({f.Floats({node.Float("value_float", 0.0f)}, Shape())});
  }
  if (node.has_attribute("value_int")) {
    return f.Return({f.Integers({node.Int("value_int", 0)}, Shape())});
  }
  if (node.has_attribute("value_floats")) {
    std::vector<float> values = node.Floats("value_floats", {});
    const auto size = static_cast<int64_t>(values.size());
    return f.Return({f.Floats(std::move(values), Shape({size}))});
  }
  std::vector<int64_t> values = node.Ints("value_ints", {});
  f.Require(node.has_attribute("value_ints"), "it has no value that is a tensor of numbers");
  const auto size = static_cast<int64_t>(values.size());
  return f.Return({f.Integers(std::move(values), Shape({size}))});
}

Results ConstantOfShape(NodeConversion& node) {
  Formula f(node);
  const Shape shape{absl::MakeConstSpan(node.KnownIntegers(0))};
  const OnnxTensor* tensor = node.Tensor("value");
  const BuiltValue value = tensor == nullptr ? f.Floats({0.0f}, Shape()) : BuiltValue(*tensor);
  if (!f.Require(value.shape().NumElements() == 1, "its value must have one element")) {
    return f.Return({});
  }
  return f.Return({f.Broadcast(f.Reshape(value, Shape()), shape)});
}

Results ShapeOf(NodeConversion& node) {
  Formula f(node);
  const std::vector<int64_t> extents = ExtentsOf(node.operand(0));
  const auto rank = static_cast<int64_t>(extents.size());
  const auto clamped = [rank](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const int64_t start = clamped(node.Int("start", 0));
  const int64_t end = std::max(start, clamped(node.Int("end", rank)));
  return f.Return(
      {f.Integers({extents.begin() + start, extents.begin() + end}, Shape({end - start}))});
}

Results Size(NodeConversion& node) {
  Formula f(node);
  return f.Return({f.Integers({Product(ExtentsOf(node.operand(0)))}, Shape())});
}

// Returns how many numbers from `start` on come before `limit`, at most the largest number.
int64_t RangeSize(int64_t start, int64_t limit, int64_t delta) {
  if (delta > 0 ? start >= limit : start <= limit) return 0;
  // The distance of two numbers, and the opposite of the smallest, fit into unsigned numbers alone.
  const auto first = static_cast<uint64_t>(start);
  const auto end = static_cast<uint64_t>(limit);
  const uint64_t distance = delta > 0 ? end - first : first - end;
  const uint64_t stride = delta > 0 ? static_cast<uint64_t>(delta) : -static_cast<uint64_t>(delta);
  const uint64_t count = (distance - 1) / stride + 1;
  return static_cast<int64_t>(std::min<uint64_t>(count, std::numeric_limits<int64_t>::max()));
}

Results Range(NodeConversion& node) {
  Formula f(node);
  if (node.operand(0).type() == ElementType::kFloat32) {
    const std::vector<float> start = node.KnownFloats(0);
    const std::vector<float> limit = node.KnownFloats(1);
    const std::vector<float> delta = node.KnownFloats(2);
    if (!f.Require(start.size() == 1 && limit.size() == 1 && delta.size() == 1 && delta[0] != 0.0f,
                   "start, limit and delta must be scalars, and delta not 0")) {
      return f.Return({});
    }
    const float exact = std::ceil((limit[0] - start[0]) / delta[0]);
    // Not a number, infinite, or too many.
    if (!(exact <= static_cast<float>(kOnnxMadeElementsMax))) {
      f.RequireRoom({kOnnxMadeElementsMax + 1});
      return f.Return({});
    }
    const int64_t count = exact > 0.0f ? static_cast<int64_t>(exact) : 0;
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(start[0] + static_cast<float>(i) * delta[0]);
    return f.Return({f.Floats(std::move(values), Shape({count}))});
  }
  const std::vector<int64_t> start = node.KnownIntegers(0);
  const std::vector<int64_t> limit = node.KnownIntegers(1);
  const std::vector<int64_t> delta = node.KnownIntegers(2);
  if (!f.Require(start.size() == 1 && limit.size() == 1 && delta.size() == 1 && delta[0] != 0,
                 "start, limit and delta must be scalars, and delta not 0")) {
    return f.Return({});
  }
  const int64_t count = RangeSize(start[0], limit[0], delta[0]);
  if (!f.RequireRoom({count})) return f.Return({});
  std::vector<int64_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(start[0] + i * delta[0]);
  return f.Return({f.Integers(std::move(values), Shape({count}))});
}

Results EyeLike(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t k = node.Int("k", 0);
  const int64_t data_type = node.Int("dtype", 0);
  if (!f.Require(x.rank() == 2, "the operand is not a matrix")) return f.Return({});
  std::vector<int64_t> ones;
  for (int64_t row = 0; row < x.shape()[0]; ++row) {
    for (int64_t column = 0; column < x.shape()[1]; ++column) {
      ones.push_back(column - row == k);
    }
  }
  const BuiltValue eye = f.Integers(std::move(ones), x.shape());
  return f.Return({data_type == 0 ? f.Cast(eye, x.type()) : f.CastTo(eye, data_type)});
}

constexpr NamedConverter kConverters[] = {
    {"Constant", Constant},  {"ConstantOfShape", ConstantOfShape, 9},
    {"EyeLike", EyeLike, 9}, {"Range", Range, 11},
    {"Shape", ShapeOf},      {"Size", Size},
};

}  // namespace

absl::Span<const NamedConverter> ConstantConverters() { return kConverters; }

}  // namespace rnnserve
