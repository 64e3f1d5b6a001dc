// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operators that give a tensor another shape, join tensors and take them apart.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/import/onnx/onnx_limits.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// Resolves a new shape: 0 keeps the extent of that axis, and -1 stands for what is left.
std::optional<Shape> NewShape(const std::vector<int64_t>& old, std::vector<int64_t> wanted,
                              bool allows_zero) {
  std::optional<size_t> open;
  int64_t known = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !allows_zero) {
      if (i >= old.size()) return std::nullopt;
      wanted[i] = old[i];
    }
    if (wanted[i] < 0) {
      if (wanted[i] != -1 || open.has_value()) return std::nullopt;
      open = i;
    } else {
      // No tensor has so many elements, and the product must not overflow.
      if (wanted[i] != 0 && known > kOnnxTensorElementsMax / wanted[i]) return std::nullopt;
      known *= wanted[i];
    }
  }
  const int64_t size = Product(old);
  if (open.has_value()) {
    if (known == 0 || size % known != 0) return std::nullopt;
    wanted[*open] = size / known;
  }
  return Shape(wanted);
}

Results Reshape(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> wanted = node.KnownIntegers(1);
  const std::optional<Shape> shape = NewShape(ExtentsOf(x), wanted, node.Int("allowzero", 0) != 0);
  if (!f.Require(shape.has_value(),
                 absl::StrCat("a tensor of shape ", x.shape().ToString(), " cannot become [",
                              absl::StrJoin(wanted, ", "), "]"))) {
    return f.Return({});
  }
  return f.Return({f.Reshape(x, *shape)});
}

Results Flatten(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> extents = ExtentsOf(x);
  const int64_t axis = node.Int("axis", 1);
  // The axis may also be the rank.
  const auto rank = static_cast<int64_t>(extents.size());
  const int64_t split = axis == rank ? rank : node.Axis(axis, x.rank());
  const absl::Span<const int64_t> all = extents;
  return f.Return({f.Reshape(x, Shape({Product(all.first(static_cast<size_t>(split))),
                                       Product(all.subspan(static_cast<size_t>(split)))}))});
}

// The axes of Squeeze and Unsqueeze were an attribute before version 13.
std::vector<int64_t> AxesOf(NodeConversion& node) {
  if (node.opset() < 13) return node.Ints("axes", {});
  return node.has(1) ? node.KnownIntegers(1) : std::vector<int64_t>();
}

Results Squeeze(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> axes = AxesOf(node);
  std::vector<bool> is_removed(static_cast<size_t>(x.rank()), false);
  for (const int64_t axis : axes) {
    const int i = node.Axis(axis, x.rank());
    if (i < x.rank()) is_removed[static_cast<size_t>(i)] = true;
  }
  std::vector<int64_t> extents;
  for (int i = 0; i < x.rank(); ++i) {
    const bool is_one = x.shape()[i] == 1;
    const bool removes = axes.empty() ? is_one : is_removed[static_cast<size_t>(i)];
    f.Require(!removes || is_one, absl::StrCat("axis ", i, " of a tensor of shape ",
                                               x.shape().ToString(), " is not 1"));
    if (!removes) extents.push_back(x.shape()[i]);
  }
  return f.Return({f.Reshape(x, Shape(extents))});
}

Results Unsqueeze(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> axes = AxesOf(node);
  const int rank = x.rank() + static_cast<int>(axes.size());
  std::vector<bool> is_new(static_cast<size_t>(rank), false);
  for (const int64_t axis : axes) is_new[static_cast<size_t>(node.Axis(axis, rank))] = true;
  std::vector<int64_t> extents;
  int next = 0;
  for (const bool one : is_new) {
    if (!f.Require(one || next < x.rank(), "an axis is named twice")) return f.Return({});
    extents.push_back(one ? 1 : x.shape()[next++]);
  }
  return f.Return({f.Reshape(x, Shape(extents))});
}

Results Transpose(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  std::vector<int64_t> reversed = Counting(x.rank());
  std::reverse(reversed.begin(), reversed.end());
  return f.Return({f.Transpose(x, node.Ints("perm", reversed))});
}

Results Concat(NodeConversion& node) {
  Formula f(node);
  std::vector<BuiltValue> parts = node.operands();
  if (!f.Require(!parts.empty() && parts[0].rank() > 0, "it needs operands with axes")) {
    return f.Return({});
  }
  const int axis = node.Axis(node.Int("axis", 0), parts[0].rank());
  // Exporters begin lists of states and shapes with an empty tensor.
  const auto is_empty = [&](const BuiltValue& part) {
    return part.rank() == parts[0].rank() && part.shape()[axis] == 0;
  };
  std::vector<BuiltValue> filled;
  for (const BuiltValue& part : parts) {
    if (!is_empty(part)) filled.push_back(part);
  }
  return f.Return({filled.empty() ? parts[0] : f.Concat(filled, axis)});
}

// Returns the extents of the parts of Split.
std::vector<int64_t> PartsOf(NodeConversion& node, Formula& f, int64_t extent) {
  std::vector<int64_t> parts;
  if (node.opset() < 13) {
    parts = node.Ints("split", {});
  } else if (node.has(1)) {
    parts = node.KnownIntegers(1);
  }
  const auto declared = static_cast<int64_t>(node.num_outputs());
  const int64_t count = node.opset() < 18 ? declared : node.Int("num_outputs", declared);
  if (!parts.empty() || !f.Require(count > 0, "it has no outputs")) return parts;
  const int64_t part = (extent + count - 1) / count;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(std::clamp<int64_t>(extent - i * part, 0, part));
  }
  return parts;
}

Results Split(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  if (!f.Require(x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const int axis = node.Axis(node.Int("axis", 0), x.rank());
  std::vector<BuiltValue> results;
  int64_t begin = 0;
  for (const int64_t extent : PartsOf(node, f, x.shape()[axis])) {
    const auto number = results.size();
    results.push_back(node.wants(number) ? f.Slice(x, axis, begin, begin + extent) : BuiltValue());
    begin += extent;
  }
  f.Require(begin == x.shape()[axis],
            absl::StrCat("the parts have ", begin, " elements together, and the axis has ",
                         x.shape()[axis]));
  return f.Return(std::move(results));
}

Results Expand(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Shape wanted{absl::MakeConstSpan(node.KnownIntegers(1))};
  return f.Return({f.Broadcast(x, ExpandedShape(x.shape(), wanted))});
}

Results Tile(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  std::vector<int64_t> extents = ExtentsOf(x);
  const std::vector<int64_t> repeats = node.KnownIntegers(1);
  if (!f.Require(repeats.size() == extents.size(), "it needs one repeat for each axis")) {
    return f.Return({});
  }
  for (size_t i = 0; i < extents.size(); ++i) {
    if (repeats[i] == 1) continue;
    if (!f.Require(repeats[i] >= 0, "a repeat is negative") ||
        !f.RequireRoom({Product(extents), repeats[i]})) {
      return f.Return({});
    }
    const absl::Span<const int64_t> all = extents;
    const int64_t before = Product(all.first(i));
    const int64_t behind = Product(all.subspan(i));
    x = f.Reshape(x, Shape({before, 1, behind}));
    x = f.Broadcast(x, Shape({before, repeats[i], behind}));
    extents[i] *= repeats[i];
    x = f.Reshape(x, Shape(extents));
  }
  return f.Return({x});
}

constexpr NamedConverter kConverters[] = {
    {"Concat", Concat},   {"Expand", Expand, 8},    {"Flatten", Flatten},
    {"Reshape", Reshape}, {"Split", Split},         {"Squeeze", Squeeze},
    {"Tile", Tile},       {"Transpose", Transpose}, {"Unsqueeze", Unsqueeze},
};

}  // namespace

absl::Span<const NamedConverter> ShapeConverters() { return kConverters; }

}  // namespace rnnserve
