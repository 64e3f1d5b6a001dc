// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/ops/converter_lists.h"

namespace rnnserve {
namespace {

absl::StatusOr<std::vector<BuiltValue>> Reshape(NodeConversion& node) {
  const BuiltValue& x = node.operand(0);
  std::vector<int64_t> extents = node.KnownIntegers(1);
  const bool keeps_zeros = node.Int("allowzero", 0) != 0;
  int64_t known = 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 0 && !keeps_zeros) {
      extents[i] = static_cast<int>(i) < x.rank() ? x.shape()[static_cast<int>(i)] : 0;
    }
    if (extents[i] != -1) known = CheckedMultiply(known, extents[i]).value_or(0);
  }
  const auto free = std::find(extents.begin(), extents.end(), -1);
  if (free != extents.end() && known > 0) *free = x.shape().NumElements().value_or(0) / known;
  return OneResult(node.builder().Reshape(x, Shape(extents)));
}

// Slice. Its parts were attributes before version 10.
absl::StatusOr<std::vector<BuiltValue>> Slice(NodeConversion& node) {
  const BuiltValue& x = node.operand(0);
  const bool has_operands = node.opset() >= 10;
  const std::vector<int64_t> starts =
      has_operands ? node.KnownIntegers(1) : node.Ints("starts", {});
  const std::vector<int64_t> ends = has_operands ? node.KnownIntegers(2) : node.Ints("ends", {});
  std::vector<int64_t> axes(starts.size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (has_operands && node.has(3)) axes = node.KnownIntegers(3);
  if (!has_operands) axes = node.Ints("axes", axes);
  std::vector<int64_t> steps(starts.size(), 1);
  if (has_operands && node.has(4)) steps = node.KnownIntegers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    node.Fail("starts, ends, axes and steps have different lengths");
  }
  RNNSERVE_RETURN_IF_ERROR(node.status());
  Attributes attributes;
  for (int64_t extent : x.shape().extents()) attributes.slices.push_back({0, extent, 1});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = node.Axis(axes[i], x.rank());
    RNNSERVE_RETURN_IF_ERROR(node.status());
    if (steps[i] == 0) return absl::Status(NotServed("a step is 0"));
    const int64_t extent = x.shape()[axis];
    const auto from_end = [extent](int64_t index) { return index < 0 ? index + extent : index; };
    Attributes::Slice& slice = attributes.slices[static_cast<size_t>(axis)];
    slice.step = steps[i];
    if (slice.step > 0) {
      slice.start = std::clamp<int64_t>(from_end(starts[i]), 0, extent);
      slice.limit = std::clamp<int64_t>(from_end(ends[i]), slice.start, extent);
    } else {
      slice.start = std::clamp<int64_t>(from_end(starts[i]), -1, extent - 1);
      slice.limit = std::clamp<int64_t>(from_end(ends[i]), -1, slice.start);
    }
  }
  return OneResult(node.builder().Add(OpCode::kSlice, {x}, std::move(attributes)));
}

}  // namespace

absl::Span<const NamedConverter> ShapeConverters() {
  static constexpr NamedConverter kConverters[] = {
      {"Reshape", Reshape},
      {"Slice", Slice},
  };
  return kConverters;
}

}  // namespace rnnserve
