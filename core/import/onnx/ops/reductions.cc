// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Sums, extrema and the like along axes, and what ranks the elements along one.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// The operands and attributes that a reducing operator has besides its first operand.
struct Reduction {
  std::vector<int64_t> axes;  // from 0
  bool keep = true;
};

// Reads them. `operand_since` is the version from which on the axes are an operand.
Reduction ReductionOf(NodeConversion& node, const BuiltValue& x, int64_t operand_since) {
  Reduction reduction;
  reduction.keep = node.Int("keepdims", 1) != 0;
  std::vector<int64_t> axes;
  bool is_noop = false;
  if (node.opset() >= operand_since) {
    if (node.has(1)) axes = node.KnownIntegers(1);
    is_noop = node.Int("noop_with_empty_axes", 0) != 0;
  } else {
    axes = node.Ints("axes", {});
  }
  if (axes.empty() && !is_noop) axes = Counting(x.rank());
  for (const int64_t axis : axes) reduction.axes.push_back(node.Axis(axis, x.rank()));
  return reduction;
}

Results ReduceSum(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 13);
  return f.Return({f.Sum(x, r.axes, r.keep)});
}

// Truth values count as 0 and 1.
template <OpCode kCode, OpCode kBoolCode>
Results Plain(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return(
      {f.Reduce(x.type() == ElementType::kBool ? kBoolCode : kCode, x, r.axes, r.keep)});
}

Results ReduceMean(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return({f.Mean(x, r.axes, r.keep)});
}

Results ReduceL1(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return({f.Sum(f.Apply(OpCode::kAbs, {x}), r.axes, r.keep)});
}

Results ReduceL2(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return({f.Apply(OpCode::kSqrt, {f.Sum(f.Mul(x, x), r.axes, r.keep)})});
}

Results ReduceSumSquare(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return({f.Sum(f.Mul(x, x), r.axes, r.keep)});
}

Results ReduceLogSum(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  return f.Return({f.Apply(OpCode::kLog, {f.Sum(x, r.axes, r.keep)})});
}

// The largest element is taken out of the sum, so that nothing overflows.
Results ReduceLogSumExp(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Reduction r = ReductionOf(node, x, 18);
  if (r.axes.empty()) return f.Return({x});
  const BuiltValue largest = f.Reduce(OpCode::kReduceMax, x, r.axes, true);
  const BuiltValue shift =
      f.Where(f.Apply(OpCode::kIsFinite, {largest}), largest, f.Scalar(x, 0.0));
  const BuiltValue sum = f.Sum(f.Apply(OpCode::kExp, {f.Sub(x, shift)}), r.axes, true);
  const BuiltValue result = f.Add(f.Apply(OpCode::kLog, {sum}), shift);
  if (r.keep || !f.ok()) return f.Return({result});
  std::vector<int64_t> extents;
  for (int i = 0; i < x.rank(); ++i) {
    if (std::find(r.axes.begin(), r.axes.end(), i) == r.axes.end()) extents.push_back(x.shape()[i]);
  }
  return f.Return({f.Reshape(result, Shape(extents))});
}

template <OpCode kCode>
Results Arg(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", 0), x.rank());
  const bool keep = node.Int("keepdims", 1) != 0;
  const bool is_last = node.Int("select_last_index", 0) != 0;
  if (!f.Require(x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const int64_t extent = x.shape()[axis];
  Attributes attributes;
  attributes.axis = axis;
  const BuiltValue searched = is_last ? f.Slice(x, axis, extent - 1, -1, -1) : x;
  BuiltValue index = f.Apply(kCode, {searched}, attributes);
  if (is_last) index = f.Sub(f.Scalar(index, static_cast<double>(extent - 1)), index);
  return f.Return({keep ? f.Reshape(index, WithOnes(x.shape(), {axis})) : index});
}

Results CumSum(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const std::vector<int64_t> axis = node.KnownIntegers(1);
  Attributes attributes;
  attributes.axis = axis.empty() ? 0 : node.Axis(axis[0], x.rank());
  attributes.exclusive = node.Int("exclusive", 0) != 0;
  attributes.reverse = node.Int("reverse", 0) != 0;
  return f.Return({f.Apply(OpCode::kCumSum, {x}, attributes)});
}

Results TopK(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int axis = node.Axis(node.Int("axis", -1), x.rank());
  std::vector<int64_t> k = {node.Int("k", 0)};
  if (node.opset() >= 10) k = node.KnownIntegers(1);
  const bool is_largest = node.Int("largest", 1) != 0;
  node.Ignore("sorted");  // Without it any order is right, and this is one.
  if (!f.Require(x.rank() > 0 && !k.empty(), "it needs an axis and a number k")) {
    return f.Return({});
  }
  // The axis changes places with the last one.
  std::vector<int64_t> perm = Counting(x.rank());
  std::swap(perm[static_cast<size_t>(axis)], perm.back());
  BuiltValue moved = f.Transpose(x, perm);
  if (!is_largest) moved = f.Apply(OpCode::kNeg, {moved});
  Attributes attributes;
  attributes.k = k[0];
  std::vector<BuiltValue> both = f.ApplyAll(OpCode::kTopK, {moved}, attributes);
  if (!f.ok()) return f.Return({});
  if (!is_largest) both[0] = f.Apply(OpCode::kNeg, {both[0]});
  return f.Return({f.Transpose(both[0], perm), f.Transpose(both[1], perm)});
}

constexpr NamedConverter kConverters[] = {
    {"ArgMax", Arg<OpCode::kArgMax>},
    {"ArgMin", Arg<OpCode::kArgMin>},
    {"CumSum", CumSum, 11},
    {"ReduceL1", ReduceL1},
    {"ReduceL2", ReduceL2},
    {"ReduceLogSum", ReduceLogSum},
    {"ReduceLogSumExp", ReduceLogSumExp},
    {"ReduceMax", Plain<OpCode::kReduceMax, OpCode::kReduceAny>},
    {"ReduceMean", ReduceMean},
    {"ReduceMin", Plain<OpCode::kReduceMin, OpCode::kReduceAll>},
    {"ReduceProd", Plain<OpCode::kReduceProd, OpCode::kReduceAll>},
    {"ReduceSum", ReduceSum},
    {"ReduceSumSquare", ReduceSumSquare},
    {"TopK", TopK},
};

}  // namespace

absl::Span<const NamedConverter> ReductionConverters() { return kConverters; }

}  // namespace rnnserve
