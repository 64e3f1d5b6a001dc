// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operators that cut off, add and rearrange elements.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// Returns what Slice takes along an axis of that extent; all numbers may be out of range.
Attributes::Slice Clamped(int64_t start, int64_t limit, int64_t step, int64_t extent) {
  if (extent == 0) return {0, 0, 1};
  const int64_t lowest = step < 0 ? -1 : 0;
  const int64_t highest = step < 0 ? extent - 1 : extent;
  start = std::clamp<int64_t>(start < 0 ? start + extent : start, step < 0 ? 0 : lowest, highest);
  limit = std::clamp<int64_t>(limit < 0 ? limit + extent : limit, lowest, highest);
  const bool is_empty = step < 0 ? limit > start : limit < start;
  return {start, is_empty ? start : limit, step};
}

// Slices axis by axis, for a result without elements.
BuiltValue SliceEach(Formula& f, BuiltValue x, const std::vector<Attributes::Slice>& slices) {
  for (size_t axis = 0; axis < slices.size(); ++axis) {
    const Attributes::Slice& slice = slices[axis];
    x = f.Slice(x, static_cast<int>(axis), slice.start, slice.limit, slice.step);
  }
  return x;
}

Results Slice(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const bool has_operands = node.opset() >= 10;
  const std::vector<int64_t> starts =
      has_operands ? node.KnownIntegers(1) : node.Ints("starts", {});
  const std::vector<int64_t> ends = has_operands ? node.KnownIntegers(2) : node.Ints("ends", {});
  std::vector<int64_t> axes = Counting(static_cast<int64_t>(starts.size()));
  std::vector<int64_t> steps(starts.size(), 1);
  if (has_operands) {
    if (node.has(3)) axes = node.KnownIntegers(3);
    if (node.has(4)) steps = node.KnownIntegers(4);
  } else {
    axes = node.Ints("axes", axes);
  }
  if (!f.Require(ends.size() == starts.size() && axes.size() == starts.size() &&
                     steps.size() == starts.size(),
                 "starts, ends, axes and steps have different lengths") ||
      !f.Require(std::find(steps.begin(), steps.end(), 0) == steps.end(), "a step is 0")) {
    return f.Return({});
  }
  Attributes attributes;
  for (const int64_t extent : ExtentsOf(x)) attributes.slices.push_back({0, extent, 1});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = node.Axis(axes[i], x.rank());
    if (axis >= x.rank()) return f.Return({});
    attributes.slices[static_cast<size_t>(axis)] =
        Clamped(starts[i], ends[i], steps[i], x.shape()[axis]);
  }
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Attributes::Slice& slice = attributes.slices[static_cast<size_t>(axis)];
    if (slice.start == slice.limit) return f.Return({SliceEach(f, x, attributes.slices)});
  }
  return f.Return({f.Apply(OpCode::kSlice, {x}, std::move(attributes))});
}

// The elements that Pad adds: in front of each axis, then behind each one.
struct Padding {
  std::vector<int64_t> low;
  std::vector<int64_t> high;
};

Padding PaddingOf(NodeConversion& node, Formula& f, int rank) {
  const std::vector<int64_t> pads =
      node.opset() < 11 ? node.Ints("pads", {}) : node.KnownIntegers(1);
  std::vector<int64_t> axes = Counting(rank);
  if (node.opset() >= 18 && node.has(3)) axes = node.KnownIntegers(3);
  const auto size = static_cast<size_t>(rank);
  Padding padding = {std::vector<int64_t>(size, 0), std::vector<int64_t>(size, 0)};
  if (!f.Require(pads.size() == 2 * axes.size(), "it needs two pads for each axis")) {
    return padding;
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(node.Axis(axes[i], rank));
    if (axis >= size) return padding;
    padding.low[axis] = pads[i];
    padding.high[axis] = pads[i + axes.size()];
  }
  return padding;
}

// Cuts off what negative pads say, and leaves the others in `padding`.
BuiltValue Crop(Formula& f, BuiltValue x, Padding& padding) {
  for (int axis = 0; axis < x.rank() && f.ok(); ++axis) {
    int64_t& low = padding.low[static_cast<size_t>(axis)];
    int64_t& high = padding.high[static_cast<size_t>(axis)];
    if (low >= 0 && high >= 0) continue;
    const int64_t extent = x.shape()[axis];
    if (!f.Require(low >= -extent && high >= -extent, "a pad cuts off more than there is"))
      return x;
    x = f.Slice(x, axis, std::max<int64_t>(-low, 0), extent - std::max<int64_t>(-high, 0));
    low = std::max<int64_t>(low, 0);
    high = std::max<int64_t>(high, 0);
  }
  return x;
}

// Pads an axis with the elements of the other end.
BuiltValue Wrap(Formula& f, const BuiltValue& x, int axis, int64_t low, int64_t high) {
  if (!f.ok() || (low == 0 && high == 0)) return x;
  const int64_t extent = x.shape()[axis];
  if (!f.Require(extent > 0, "an axis without elements cannot be padded with its own") ||
      !f.RequireRoom({low}) || !f.RequireRoom({high}) || !f.RequireRoom({low + extent + high})) {
    return x;
  }
  std::vector<int64_t> indices;
  for (int64_t i = -low; i < extent + high; ++i)
    indices.push_back(((i % extent) + extent) % extent);
  const auto size = static_cast<int64_t>(indices.size());
  return f.Gather(x, f.Integers(std::move(indices), Shape({size})), axis);
}

Results Pad(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  const std::string mode = node.String("mode", "constant");
  Padding padding = PaddingOf(node, f, x.rank());
  BuiltValue value = f.Scalar(x, 0.0);
  if (node.opset() < 11) {
    value = f.Scalar(x, node.Float("value", 0.0f));
  } else if (node.has(2)) {
    value = f.Reshape(node.operand(2), Shape());
  }
  x = Crop(f, x, padding);
  if (mode == "wrap") {
    for (int i = 0; i < x.rank() && f.ok(); ++i) {
      const auto axis = static_cast<size_t>(i);
      x = Wrap(f, x, i, padding.low[axis], padding.high[axis]);
    }
    return f.Return({x});
  }
  Attributes attributes;
  attributes.mode = mode == "reflect" ? PadMode::kReflect
                    : mode == "edge"  ? PadMode::kEdge
                                      : PadMode::kConstant;
  f.Require(mode == "constant" || attributes.mode != PadMode::kConstant,
            absl::StrCat("mode is '", mode, "'"));
  for (size_t i = 0; i < padding.low.size(); ++i) {
    attributes.pads.push_back({padding.low[i], padding.high[i]});
  }
  if (mode != "constant") return f.Return({f.Apply(OpCode::kPad, {x}, std::move(attributes))});
  return f.Return({f.Apply(OpCode::kPad, {x, value}, std::move(attributes))});
}

// Returns 0 if element [row, column] is on the diagonal number k, 1 above it and -1 below it.
int SideOf(int64_t row, int64_t column, int64_t k) {
  return column - row == k ? 0 : column - row > k ? 1 : -1;
}

Results Trilu(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const bool is_upper = node.Int("upper", 1) != 0;
  const std::vector<int64_t> k = node.has(1) ? node.KnownIntegers(1) : std::vector<int64_t>{0};
  if (!f.Require(x.rank() >= 2 && k.size() == 1, "it needs a matrix and a number k")) {
    return f.Return({});
  }
  const int64_t rows = x.shape()[x.rank() - 2];
  const int64_t columns = x.shape()[x.rank() - 1];
  std::vector<int64_t> keeps;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int side = SideOf(row, column, k[0]);
      keeps.push_back(is_upper ? side >= 0 : side <= 0);
    }
  }
  return f.Return(
      {f.Where(f.Bools(std::move(keeps), Shape({rows, columns})), x, f.Scalar(x, 0.0))});
}

// Turns the first sequence_lens[b] elements of each row around.
Results ReverseSequence(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> lengths = node.KnownIntegers(1);
  const int64_t batch_axis = node.Int("batch_axis", 1);
  const int64_t time_axis = node.Int("time_axis", 0);
  if (!f.Require(
          x.rank() >= 2 && (batch_axis == 0 || batch_axis == 1) && time_axis == 1 - batch_axis,
          "batch_axis and time_axis must be 0 and 1") ||
      !f.Require(static_cast<int64_t>(lengths.size()) == x.shape()[static_cast<int>(batch_axis)],
                 "it needs one length for each row")) {
    return f.Return({});
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < x.shape()[0]; ++i) {
    for (int64_t j = 0; j < x.shape()[1]; ++j) {
      const int64_t time = time_axis == 0 ? i : j;
      const int64_t length = lengths[static_cast<size_t>(time_axis == 0 ? j : i)];
      const int64_t longest = x.shape()[static_cast<int>(time_axis)];
      if (!f.Require(length >= 0 && length <= longest,
                     absl::StrCat("a length is ", length, ", and there are ", longest))) {
        return f.Return({});
      }
      const int64_t source = time < length ? length - 1 - time : time;
      indices.push_back(time_axis == 0 ? source * x.shape()[1] + j : i * x.shape()[1] + source);
    }
  }
  std::vector<int64_t> merged = ExtentsOf(x);
  merged.erase(merged.begin());
  merged[0] *= x.shape()[0];
  const Shape count({merged[0]});
  const BuiltValue rows = f.Reshape(x, Shape(merged));
  return f.Return({f.Reshape(f.Gather(rows, f.Integers(std::move(indices), count), 0), x.shape())});
}

// The mode says whether a channel is found by its place in the block first (DCR) or by its place
// among the channels of the result (CRD).
Results DepthToSpace(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t block = node.Int("blocksize", 1);
  const std::string mode = node.String("mode", "DCR");
  if (!f.Require(x.rank() == 4 && block > 0 && block <= x.shape()[1] &&
                     block <= x.shape()[1] / block && x.shape()[1] % (block * block) == 0,
                 "it needs [batch, channels, height, width] with whole blocks") ||
      !f.Require(mode == "DCR" || mode == "CRD", absl::StrCat("mode is '", mode, "'"))) {
    return f.Return({});
  }
  const std::vector<int64_t> e = ExtentsOf(x);
  const int64_t channels = e[1] / (block * block);
  const bool is_dcr = mode == "DCR";
  const Shape split = is_dcr ? Shape({e[0], block, block, channels, e[2], e[3]})
                             : Shape({e[0], channels, block, block, e[2], e[3]});
  const std::vector<int64_t> perm =
      is_dcr ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3};
  return f.Return({f.Reshape(f.Transpose(f.Reshape(x, split), perm),
                             Shape({e[0], channels, e[2] * block, e[3] * block}))});
}

Results SpaceToDepth(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t block = node.Int("blocksize", 1);
  const std::string mode = node.String("mode", "DCR");
  if (!f.Require(x.rank() == 4 && block > 0 && block <= x.shape()[2] && block <= x.shape()[3] &&
                     x.shape()[2] % block == 0 && x.shape()[3] % block == 0,
                 "it needs [batch, channels, height, width] with whole blocks") ||
      !f.Require(mode == "DCR" || mode == "CRD", absl::StrCat("mode is '", mode, "'"))) {
    return f.Return({});
  }
  const std::vector<int64_t> e = ExtentsOf(x);
  const Shape split({e[0], e[1], e[2] / block, block, e[3] / block, block});
  const std::vector<int64_t> perm = mode == "DCR" ? std::vector<int64_t>{0, 3, 5, 1, 2, 4}
                                                  : std::vector<int64_t>{0, 1, 3, 5, 2, 4};
  return f.Return({f.Reshape(f.Transpose(f.Reshape(x, split), perm),
                             Shape({e[0], e[1] * block * block, e[2] / block, e[3] / block}))});
}

constexpr NamedConverter kConverters[] = {
    {"DepthToSpace", DepthToSpace},           {"Pad", Pad},
    {"ReverseSequence", ReverseSequence, 10}, {"Slice", Slice},
    {"SpaceToDepth", SpaceToDepth},           {"Trilu", Trilu, 14},
};

}  // namespace

absl::Span<const NamedConverter> MoveConverters() { return kConverters; }

}  // namespace rnnserve
