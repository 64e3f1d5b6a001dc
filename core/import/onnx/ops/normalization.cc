// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Normalizations, and Softmax and its relatives.

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

std::vector<int64_t> AxesFrom(int64_t first, int rank) {
  std::vector<int64_t> axes;
  for (int64_t axis = first; axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

// The operand of Softmax and its relatives, and the axis along which they work.
struct Softmaxed {
  BuiltValue x;
  int axis = 0;
};

// Before version 13 they work on a matrix: all axes from the given one on are one.
Softmaxed SoftmaxedOf(NodeConversion& node, Formula& f) {
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", node.opset() < 13 ? 1 : -1), x.rank());
  if (node.opset() >= 13 || !f.ok()) return {x, axis};
  const std::vector<int64_t> extents = ExtentsOf(x);
  const absl::Span<const int64_t> all = extents;
  const auto split = static_cast<size_t>(axis);
  return {f.Reshape(x, Shape({Product(all.first(split)), Product(all.subspan(split))})), 1};
}

// x without the largest element along the axis, so that nothing overflows.
BuiltValue Shifted(Formula& f, const Softmaxed& s) {
  return f.Sub(s.x, f.Reduce(OpCode::kReduceMax, s.x, {s.axis}, true));
}

Results Softmax(NodeConversion& node) {
  Formula f(node);
  const Softmaxed s = SoftmaxedOf(node, f);
  if (!f.Require(s.x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const BuiltValue powers = f.Apply(OpCode::kExp, {Shifted(f, s)});
  const BuiltValue shares = f.Div(powers, f.Sum(powers, {s.axis}, true));
  return f.Return({f.Reshape(shares, node.operand(0).shape())});
}

Results LogSoftmax(NodeConversion& node) {
  Formula f(node);
  const Softmaxed s = SoftmaxedOf(node, f);
  if (!f.Require(s.x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const BuiltValue shifted = Shifted(f, s);
  const BuiltValue sum = f.Sum(f.Apply(OpCode::kExp, {shifted}), {s.axis}, true);
  const BuiltValue result = f.Sub(shifted, f.Apply(OpCode::kLog, {sum}));
  return f.Return({f.Reshape(result, node.operand(0).shape())});
}

// 1 at the first of the largest elements, 0 elsewhere.
Results Hardmax(NodeConversion& node) {
  Formula f(node);
  const Softmaxed s = SoftmaxedOf(node, f);
  if (!f.Require(s.x.rank() > 0, "the operand is a scalar")) return f.Return({});
  Attributes attributes;
  attributes.axis = s.axis;
  const BuiltValue largest =
      f.Reshape(f.Apply(OpCode::kArgMax, {s.x}, attributes), WithOnes(s.x.shape(), {s.axis}));
  std::vector<int64_t> places(static_cast<size_t>(s.x.rank()), 1);
  places[static_cast<size_t>(s.axis)] = s.x.shape()[s.axis];
  const BuiltValue numbers = f.Reshape(f.Iota(s.x.shape()[s.axis]), Shape(places));
  const BuiltValue hit = f.Apply(OpCode::kEq, {largest, numbers});
  return f.Return({f.Reshape(f.Cast(hit, s.x.type()), node.operand(0).shape())});
}

// Elements with a mean of 0 and a variance of 1 over the axes, and what they were divided by.
struct Normalized {
  BuiltValue x;
  BuiltValue mean;       // with extents of 1 at the axes
  BuiltValue deviation;  // the same
};

Normalized Normalize(Formula& f, const BuiltValue& x, const std::vector<int64_t>& axes,
                     double epsilon) {
  const BuiltValue mean = f.Mean(x, axes, true);
  const BuiltValue centered = f.Sub(x, mean);
  const BuiltValue variance = f.Mean(f.Mul(centered, centered), axes, true);
  const BuiltValue deviation = f.Apply(OpCode::kSqrt, {f.Add(variance, epsilon)});
  return {f.Div(centered, deviation), mean, deviation};
}

Results LayerNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", -1), x.rank());
  node.Ignore("stash_type");  // Everything is computed in float32.
  if (!f.Require(x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const Normalized n = Normalize(f, x, AxesFrom(axis, x.rank()), node.Float("epsilon", 1e-5f));
  BuiltValue y = f.Mul(n.x, node.operand(1));
  if (node.has(2)) y = f.Add(y, node.operand(2));
  std::vector<BuiltValue> results = {y};
  if (node.wants(1) || node.wants(2)) results = {y, n.mean, f.Reciprocal(n.deviation)};
  return f.Return(std::move(results));
}

Results RmsNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", -1), x.rank());
  node.Ignore("stash_type");
  if (!f.Require(x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const BuiltValue square = f.Mean(f.Mul(x, x), AxesFrom(axis, x.rank()), true);
  const BuiltValue root = f.Apply(OpCode::kSqrt, {f.Add(square, node.Float("epsilon", 1e-5f))});
  return f.Return({f.Mul(f.Div(x, root), node.operand(1))});
}

// Gives a vector with one element for each channel the shape [channels, 1, ...], which fits behind
// the batch axis of x, [batch, channels, ...].
BuiltValue PerChannel(Formula& f, const BuiltValue& vector, const BuiltValue& x) {
  if (!f.ok() || !f.Require(x.rank() >= 2 && vector.shape() == Shape({x.shape()[1]}),
                            "it needs [batch, channels, ...] and one number for each channel")) {
    return vector;
  }
  std::vector<int64_t> extents(static_cast<size_t>(x.rank() - 1), 1);
  extents[0] = x.shape()[1];
  return f.Reshape(vector, Shape(extents));
}

Results InstanceNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue scale = PerChannel(f, node.operand(1), x);
  const BuiltValue shift = PerChannel(f, node.operand(2), x);
  if (!f.Require(x.rank() >= 3, "it needs [batch, channels, space...]")) return f.Return({});
  const Normalized n = Normalize(f, x, AxesFrom(2, x.rank()), node.Float("epsilon", 1e-5f));
  return f.Return({f.Add(f.Mul(n.x, scale), shift)});
}

// Before version 21 scale and shift have one element for each group.
Results GroupNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t groups = node.Int("num_groups", 1);
  node.Ignore("stash_type");
  if (!f.Require(x.rank() >= 3 && groups > 0 && x.shape()[1] % groups == 0,
                 "it needs [batch, channels, space...] with whole groups of channels")) {
    return f.Return({});
  }
  const std::vector<int64_t> extents = ExtentsOf(x);
  const int64_t size = Product(absl::MakeConstSpan(extents).subspan(1)) / groups;
  const BuiltValue grouped = f.Reshape(x, Shape({extents[0], groups, size}));
  BuiltValue y = Normalize(f, grouped, {2}, node.Float("epsilon", 1e-5f)).x;
  const bool is_per_group = node.opset() < 21;
  if (!is_per_group) y = f.Reshape(y, x.shape());
  y = f.Add(f.Mul(y, PerChannel(f, node.operand(1), y)), PerChannel(f, node.operand(2), y));
  return f.Return({f.Reshape(y, x.shape())});
}

// With the moving mean and variance.
Results BatchNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  node.Ignore("momentum");
  if (node.Int("training_mode", 0) != 0) f.Refuse("training_mode is 1");
  if (node.Int("spatial", 1) == 0) f.Refuse("spatial is 0");
  for (size_t i = 1; i < node.num_outputs(); ++i) {
    if (node.wants(i)) f.Refuse("the statistics of a batch are outputs");
  }
  const BuiltValue variance = f.Add(node.operand(4), node.Float("epsilon", 1e-5f));
  const BuiltValue scale = f.Div(node.operand(1), f.Apply(OpCode::kSqrt, {variance}));
  const BuiltValue shift = f.Sub(node.operand(2), f.Mul(node.operand(3), scale));
  // An operand of one axis is a batch of a single channel, [batch].
  if (x.rank() == 1) return f.Return({f.Add(f.Mul(x, scale), shift)});
  return f.Return({f.Add(f.Mul(x, PerChannel(f, scale, x)), PerChannel(f, shift, x))});
}

// A vector of zeros stays one.
Results LpNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", -1), x.rank());
  const int64_t p = node.Int("p", 2);
  if (!f.Require(x.rank() > 0, "the operand is a scalar") ||
      !f.Require(p == 1 || p == 2, absl::StrCat("p is ", p))) {
    return f.Return({});
  }
  BuiltValue norm = f.Sum(p == 1 ? f.Apply(OpCode::kAbs, {x}) : f.Mul(x, x), {axis}, true);
  if (p == 2) norm = f.Apply(OpCode::kSqrt, {norm});
  const BuiltValue is_zero = f.Apply(OpCode::kEq, {norm, f.Scalar(x, 0.0)});
  return f.Return({f.Div(x, f.Where(is_zero, f.Scalar(x, 1.0), norm))});
}

Results MeanVarianceNormalization(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  std::vector<int64_t> axes;
  for (const int64_t axis : node.Ints("axes", {0, 2, 3})) {
    axes.push_back(node.Axis(axis, x.rank()));
    if (!f.Require(axes.back() < x.rank(), "an axis is out of range")) return f.Return({});
  }
  const BuiltValue centered = f.Sub(x, f.Mean(x, axes, true));
  const BuiltValue variance = f.Mean(f.Mul(centered, centered), axes, true);
  return f.Return({f.Div(centered, f.Add(f.Apply(OpCode::kSqrt, {variance}), 1e-9))});
}

constexpr NamedConverter kConverters[] = {
    {"BatchNormalization", BatchNormalization},
    {"GroupNormalization", GroupNormalization, 18},
    {"Hardmax", Hardmax},
    {"InstanceNormalization", InstanceNormalization},
    {"LayerNormalization", LayerNormalization, 17},
    {"LogSoftmax", LogSoftmax},
    {"LpNormalization", LpNormalization},
    {"MeanVarianceNormalization", MeanVarianceNormalization, 9},
    {"RMSNormalization", RmsNormalization, 23},
    {"Softmax", Softmax},
};

}  // namespace

absl::Span<const NamedConverter> NormalizationConverters() { return kConverters; }

}  // namespace rnnserve
