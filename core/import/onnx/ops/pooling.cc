// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"
#include "core/import/onnx/ops/window.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

Attributes::Window PoolOf(NodeConversion& node, Formula& f, const BuiltValue& x) {
  return WindowOf(node, f, x, node.Ints("kernel_shape", {}));
}

Results MaxPool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  node.Ignore("storage_order");  // It is about the second output.
  if (node.wants(1)) f.Refuse("output 1, the indices of the maxima, is not served");
  const Attributes::Window window = PoolOf(node, f, x);
  return f.Return({ApplyWindow(f, OpCode::kMaxPool, x, nullptr, window)});
}

// Returns, for each window along an axis, how many elements of [-low, extent + high) it covers.
std::vector<int64_t> CoveredElements(int64_t extent, int64_t low, int64_t high, int64_t windows,
                                     const Attributes::Window& window, size_t axis) {
  std::vector<int64_t> counts;
  for (int64_t i = 0; i < windows; ++i) {
    int64_t count = 0;
    for (int64_t tap = 0; tap < window.size[axis]; ++tap) {
      const int64_t place =
          i * window.strides[axis] + tap * window.dilations[axis] - window.pads[axis].low;
      count += place >= -low && place < extent + high;
    }
    counts.push_back(count);
  }
  return counts;
}

// Pads count if count_include_pad is set, but never those that ceil_mode adds.
BuiltValue Divisors(Formula& f, NodeConversion& node, const BuiltValue& x, const BuiltValue& sums,
                    const Attributes::Window& window) {
  const bool counts_pads = node.Int("count_include_pad", 0) != 0;
  if (!f.ok()) return sums;
  const size_t rank = window.size.size();
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * rank, 0));
  BuiltValue divisors = f.Floats({1.0f}, Shape());
  for (size_t i = 0; i < rank; ++i) {
    const int axis = static_cast<int>(i) + 2;
    const bool is_explicit = node.String("auto_pad", "NOTSET") == "NOTSET";
    const int64_t low = counts_pads ? window.pads[i].low : 0;
    const int64_t high = !counts_pads ? 0 : is_explicit ? pads[i + rank] : window.pads[i].high;
    const std::vector<int64_t> counts =
        CoveredElements(x.shape()[axis], low, high, sums.shape()[axis], window, i);
    std::vector<int64_t> extents(rank, 1);
    extents[i] = sums.shape()[axis];
    divisors = f.Mul(divisors, f.Floats({counts.begin(), counts.end()}, Shape(extents)));
  }
  return divisors;
}

Results AveragePool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const Attributes::Window window = PoolOf(node, f, x);
  const BuiltValue sums = ApplyWindow(f, OpCode::kSumPool, x, nullptr, window);
  return f.Return({f.Div(sums, Divisors(f, node, x, sums, window))});
}

// Returns the root of the sum of powers.
BuiltValue Root(Formula& f, const BuiltValue& sum, int64_t p) {
  if (p == 1) return sum;
  if (p == 2) return f.Apply(OpCode::kSqrt, {sum});
  return f.Apply(OpCode::kPow, {sum, f.Scalar(sum, 1.0 / static_cast<double>(p))});
}

BuiltValue Powers(Formula& f, const BuiltValue& x, int64_t p) {
  if (p == 2) return f.Mul(x, x);
  const BuiltValue size = f.Apply(OpCode::kAbs, {x});
  return p == 1 ? size : f.Apply(OpCode::kPow, {size, f.Scalar(x, static_cast<double>(p))});
}

Results LpPool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t p = node.Int("p", 2);
  if (!f.Require(p > 0, absl::StrCat("p is ", p))) return f.Return({});
  const Attributes::Window window = PoolOf(node, f, x);
  return f.Return({Root(f, ApplyWindow(f, OpCode::kSumPool, Powers(f, x, p), nullptr, window), p)});
}

std::vector<int64_t> SpatialAxes(Formula& f, const BuiltValue& x) {
  std::vector<int64_t> axes = Counting(x.rank());
  if (!f.Require(axes.size() > 2, "it needs [batch, channels, space...]")) return {};
  axes.erase(axes.begin(), axes.begin() + 2);
  return axes;
}

Results GlobalAveragePool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Mean(x, SpatialAxes(f, x), true)});
}

Results GlobalMaxPool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  return f.Return({f.Reduce(OpCode::kReduceMax, x, SpatialAxes(f, x), true)});
}

Results GlobalLpPool(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t p = node.Int("p", 2);
  if (!f.Require(p > 0, absl::StrCat("p is ", p))) return f.Return({});
  return f.Return({Root(f, f.Sum(Powers(f, x, p), SpatialAxes(f, x), true), p)});
}

// Divides by a power of the mean square of the channels around each one.
Results Lrn(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const int64_t size = node.Int("size", 1);
  if (!f.Require(x.rank() >= 2 && size > 0 && x.shape()[1] > 0,
                 "it needs [batch, channels, ...] and a size")) {
    return f.Return({});
  }
  // The channels become the first of two spatial axes.
  const std::vector<int64_t> extents = ExtentsOf(x);
  const int64_t rest = Product(absl::MakeConstSpan(extents).subspan(2));
  const BuiltValue squares = f.Reshape(f.Mul(x, x), Shape({extents[0], extents[1], rest}));
  Attributes attributes;
  attributes.window.size = {size, 1};
  attributes.window.strides = {1, 1};
  attributes.window.dilations = {1, 1};
  attributes.window.pads = {{(size - 1) / 2, size / 2}, {0, 0}};
  const BuiltValue sums =
      f.Reshape(f.Apply(OpCode::kSumPool, {squares}, std::move(attributes)), x.shape());
  const double alpha = node.Float("alpha", 1e-4f);
  const BuiltValue base =
      f.Add(f.Mul(sums, alpha / static_cast<double>(size)), node.Float("bias", 1.0f));
  const BuiltValue power = f.Apply(OpCode::kPow, {base, f.Scalar(x, node.Float("beta", 0.75f))});
  return f.Return({f.Div(x, power)});
}

constexpr NamedConverter kConverters[] = {
    {"AveragePool", AveragePool},
    {"GlobalAveragePool", GlobalAveragePool},
    {"GlobalLpPool", GlobalLpPool},
    {"GlobalMaxPool", GlobalMaxPool},
    {"LRN", Lrn},
    {"LpPool", LpPool},
    {"MaxPool", MaxPool},
};

}  // namespace

absl::Span<const NamedConverter> PoolingConverters() { return kConverters; }

}  // namespace rnnserve
