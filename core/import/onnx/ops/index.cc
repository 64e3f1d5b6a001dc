// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Operators that read and write elements by their indices. Where the indices are known at import,
// reading and writing are moves of elements; else they are looked up in every step.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// Returns the indices of an axis of that extent, counted from 0; they may count from the end.
BuiltValue FromZero(Formula& f, const BuiltValue& indices, int64_t extent) {
  if (!indices.is_known()) {
    const BuiltValue wrapped = f.Add(indices, static_cast<double>(extent));
    return f.Where(f.Less(indices, 0.0), wrapped, indices);
  }
  if (!f.Require(indices.type() == ElementType::kInt32, "the indices are not integers")) {
    return indices;
  }
  std::vector<int64_t> counted = indices.tensor().integers();
  for (int64_t& index : counted) {
    if (index < -extent || index >= extent) {
      f.Fail(absl::StrCat("index ", index, " is out of range for an axis of ", extent));
    }
    if (index < 0) index += extent;
  }
  return f.Integers(std::move(counted), indices.shape());
}

Results Gather(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue indices = node.operand(1);
  const int axis = node.Axis(node.Int("axis", 0), x.rank());
  if (!f.Require(x.rank() > 0, "the operand is a scalar")) return f.Return({});
  const BuiltValue counted = FromZero(f, indices, x.shape()[axis]);
  // A single index is a slice, which costs nothing where a part of a known tensor is taken.
  if (f.ok() && counted.is_known() && indices.rank() == 0) {
    return f.Return({f.At(x, axis, counted.tensor().integers()[0])});
  }
  return f.Return({f.Gather(x, counted, axis)});
}

// Returns the elements of x that may be addressed along `axis`, for an index that is smaller than x
// along others.
BuiltValue Addressed(Formula& f, BuiltValue x, const BuiltValue& index, int axis) {
  for (int i = 0; i < x.rank() && f.ok(); ++i) {
    if (i == axis) continue;
    if (!f.Require(index.shape()[i] <= x.shape()[i], "the indices have more elements")) break;
    x = f.Slice(x, i, 0, index.shape()[i]);
  }
  return x;
}

// Returns the places in the flat tensor that known indices along one axis name.
std::vector<int64_t> FlatPlaces(const Shape& shape, const OnnxTensor& index, int axis) {
  std::vector<int64_t> places;
  std::vector<int64_t> position(static_cast<size_t>(shape.rank()), 0);
  for (const int64_t along : index.integers()) {
    int64_t place = 0;
    for (int i = 0; i < shape.rank(); ++i) {
      place = place * shape[i] + (i == axis ? along : position[static_cast<size_t>(i)]);
    }
    places.push_back(place);
    for (int i = shape.rank() - 1; i >= 0; --i) {
      if (++position[static_cast<size_t>(i)] < index.shape[i]) break;
      position[static_cast<size_t>(i)] = 0;
    }
  }
  return places;
}

Results GatherElements(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue indices = node.operand(1);
  const int axis = node.Axis(node.Int("axis", 0), x.rank());
  if (!f.Require(x.rank() > 0 && indices.rank() == x.rank(), "the ranks differ")) {
    return f.Return({});
  }
  const BuiltValue counted = FromZero(f, indices, x.shape()[axis]);
  const BuiltValue source = Addressed(f, x, indices, axis);
  if (!f.ok()) return f.Return({});
  if (counted.is_known()) {
    const BuiltValue places =
        f.Integers(FlatPlaces(source.shape(), counted.tensor(), axis), indices.shape());
    const BuiltValue flat = f.Reshape(source, Shape({Product(ExtentsOf(source))}));
    return f.Return({f.Gather(flat, places, 0)});
  }
  Attributes attributes;
  attributes.axis = axis;
  return f.Return({f.Apply(OpCode::kTakeAlong, {source, counted}, attributes)});
}

// Turns indices, whose last axis has one number for each of several axes from `first_axis` on, into
// numbers of places in the flat part that these axes span.
BuiltValue Linear(Formula& f, const BuiltValue& indices, const Shape& shape, int first_axis) {
  const int last = indices.rank() - 1;
  BuiltValue linear;
  for (int64_t i = 0; i < indices.shape()[last] && f.ok(); ++i) {
    const int64_t extent = shape[first_axis + static_cast<int>(i)];
    const BuiltValue index = FromZero(f, f.At(indices, last, i), extent);
    linear = i == 0 ? index : f.Add(f.Mul(linear, static_cast<double>(extent)), index);
  }
  return linear;
}

// Splits the extents of x at an axis: [before..., behind...].
std::pair<std::vector<int64_t>, std::vector<int64_t>> SplitAt(const BuiltValue& x, int64_t axis) {
  const std::vector<int64_t> extents = ExtentsOf(x);
  return {{extents.begin(), extents.begin() + axis}, {extents.begin() + axis, extents.end()}};
}

Results GatherNd(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue indices = node.operand(1);
  const int64_t batch_dims = node.Int("batch_dims", 0);
  if (!f.Require(indices.rank() > 0 && batch_dims >= 0 && batch_dims < indices.rank(),
                 "the indices need an axis") ||
      !f.Require(batch_dims + indices.shape()[indices.rank() - 1] <= x.rank(),
                 "the indices have more numbers than the operand has axes")) {
    return f.Return({});
  }
  const int64_t depth = indices.shape()[indices.rank() - 1];
  const auto [addressed, rest] = SplitAt(x, batch_dims + depth);
  BuiltValue linear = Linear(f, indices, x.shape(), static_cast<int>(batch_dims));
  // Rows of the batch axes follow each other in the flat tensor.
  const auto [batch, indexed] = SplitAt(x, batch_dims);
  const absl::Span<const int64_t> of_indexed(indexed);
  const int64_t span = Product(of_indexed.first(static_cast<size_t>(depth)));
  if (batch_dims > 0) {
    std::vector<int64_t> begins = Counting(Product(batch));
    for (int64_t& begin : begins) begin *= span;
    std::vector<int64_t> extents = batch;
    extents.resize(static_cast<size_t>(linear.rank()), 1);
    linear = f.Add(linear, f.Integers(std::move(begins), Shape(extents)));
  }
  std::vector<int64_t> flat = {Product(addressed)};
  flat.insert(flat.end(), rest.begin(), rest.end());
  return f.Return({f.Gather(f.Reshape(x, Shape(flat)), linear, 0)});
}

// The ways in which a scatter joins an update with the element that is there.
enum class Reduction { kNone, kAdd, kMul, kMax, kMin };

Reduction ReductionOf(NodeConversion& node, Formula& f) {
  const std::string name = node.String("reduction", "none");
  if (name == "add") return Reduction::kAdd;
  if (name == "mul") return Reduction::kMul;
  if (name == "max") return Reduction::kMax;
  if (name == "min") return Reduction::kMin;
  f.Require(name == "none", absl::StrCat("reduction is '", name, "'"));
  return Reduction::kNone;
}

// Writes to known places: x and the updates, laid one behind the other, are rearranged. x is
// [places, rest], the updates [number, rest], and a later update wins.
BuiltValue ScatterKnown(Formula& f, const BuiltValue& x, const std::vector<int64_t>& places,
                        const BuiltValue& updates) {
  if (!f.ok()) return x;
  std::vector<int64_t> sources = Counting(x.shape()[0]);
  for (size_t i = 0; i < places.size(); ++i) {
    sources[static_cast<size_t>(places[i])] = x.shape()[0] + static_cast<int64_t>(i);
  }
  return f.Gather(f.Concat({x, updates}, 0), f.Integers(std::move(sources), Shape({x.shape()[0]})),
                  0);
}

// Reduces all updates into the elements that they name, along `axis`, by comparing each index with
// each place.
BuiltValue ScatterReduced(Formula& f, const BuiltValue& x, const BuiltValue& index,
                          const BuiltValue& updates, int axis, Reduction reduction) {
  if (!f.ok()) return x;
  std::vector<int64_t> extents = ExtentsOf(index);
  extents.insert(extents.begin() + axis + 1, 1);
  std::vector<int64_t> places(extents.size(), 1);
  places[static_cast<size_t>(axis) + 1] = x.shape()[axis];
  const BuiltValue hit = f.Apply(OpCode::kEq, {f.Reshape(index, Shape(extents)),
                                               f.Reshape(f.Iota(x.shape()[axis]), Shape(places))});
  const BuiltValue update = f.Reshape(updates, Shape(extents));
  const auto reduced = [&](OpCode code, double neutral) {
    return f.Reduce(code, f.Where(hit, update, f.Scalar(x, neutral)), {axis}, false);
  };
  const double largest = x.type() == ElementType::kFloat32 ? std::numeric_limits<float>::max()
                                                           : std::numeric_limits<int32_t>::max();
  switch (reduction) {
    case Reduction::kAdd:
      return f.Add(x, reduced(OpCode::kReduceSum, 0.0));
    case Reduction::kMul:
      return f.Mul(x, reduced(OpCode::kReduceProd, 1.0));
    case Reduction::kMax:
      return f.Where(f.Reduce(OpCode::kReduceAny, hit, {axis}, false),
                     f.Max(x, reduced(OpCode::kReduceMax, -largest)), x);
    case Reduction::kMin:
      return f.Where(f.Reduce(OpCode::kReduceAny, hit, {axis}, false),
                     f.Min(x, reduced(OpCode::kReduceMin, largest)), x);
    case Reduction::kNone:
      break;
  }
  Attributes attributes;
  attributes.axis = axis;
  return f.Apply(OpCode::kScatterAlong, {x, index, updates}, attributes);
}

Results ScatterElements(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue indices = node.operand(1);
  const BuiltValue updates = node.operand(2);
  const int axis = node.Axis(node.Int("axis", 0), x.rank());
  const Reduction reduction = ReductionOf(node, f);
  if (!f.Require(x.rank() > 0 && indices.rank() == x.rank() && updates.shape() == indices.shape(),
                 "the shapes of operand, indices and updates do not fit")) {
    return f.Return({});
  }
  const BuiltValue counted = FromZero(f, indices, x.shape()[axis]);
  const BuiltValue part = Addressed(f, x, indices, axis);
  if (!f.ok()) return f.Return({});
  if (reduction == Reduction::kNone && counted.is_known()) {
    const std::vector<int64_t> places = FlatPlaces(x.shape(), counted.tensor(), axis);
    const BuiltValue flat = f.Reshape(x, Shape({Product(ExtentsOf(x))}));
    const BuiltValue flat_updates = f.Reshape(updates, Shape({Product(ExtentsOf(updates))}));
    return f.Return({f.Reshape(ScatterKnown(f, flat, places, flat_updates), x.shape())});
  }
  const BuiltValue written = ScatterReduced(f, part, counted, updates, axis, reduction);
  if (!f.ok() || part.shape() == x.shape()) return f.Return({written});
  Attributes attributes;
  attributes.starts.assign(static_cast<size_t>(x.rank()), 0);
  return f.Return({f.Apply(OpCode::kUpdate, {x, written}, std::move(attributes))});
}

Results ScatterNd(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue indices = node.operand(1);
  const Reduction reduction = ReductionOf(node, f);
  if (!f.Require(indices.rank() > 0 && indices.shape()[indices.rank() - 1] <= x.rank() &&
                     indices.shape()[indices.rank() - 1] > 0,
                 "the indices do not fit the operand")) {
    return f.Return({});
  }
  const auto [addressed, rest] = SplitAt(x, indices.shape()[indices.rank() - 1]);
  BuiltValue linear = Linear(f, indices, x.shape(), 0);
  if (!f.ok()) return f.Return({});
  // Everything becomes [places, rest].
  const int64_t number = Product(ExtentsOf(linear));
  const int64_t width = Product(rest);
  const BuiltValue rows = f.Reshape(x, Shape({Product(addressed), width}));
  const BuiltValue updates = f.Reshape(node.operand(2), Shape({number, width}));
  linear = f.Reshape(linear, Shape({number}));
  if (!f.ok()) return f.Return({});
  if (reduction == Reduction::kNone && linear.is_known()) {
    return f.Return(
        {f.Reshape(ScatterKnown(f, rows, linear.tensor().integers(), updates), x.shape())});
  }
  const BuiltValue index =
      f.Broadcast(f.Reshape(linear, Shape({number, 1})), Shape({number, width}));
  return f.Return({f.Reshape(ScatterReduced(f, rows, index, updates, 0, reduction), x.shape())});
}

// The values are [off, on]. An index out of range is off everywhere.
Results OneHot(NodeConversion& node) {
  Formula f(node);
  const BuiltValue indices = f.Cast(node.operand(0), ElementType::kInt32);
  const BuiltValue depth = f.Cast(node.operand(1), ElementType::kInt32);
  const BuiltValue values = node.operand(2);
  const int axis = node.Axis(node.Int("axis", -1), indices.rank() + 1);
  if (!f.Require(depth.is_known() && depth.shape().NumElements() == 1,
                 "the depth must be one number that does not depend on the inputs and states") ||
      !f.Require(values.rank() == 1 && values.shape()[0] == 2, "it needs two values")) {
    return f.Return({});
  }
  const int64_t extent = depth.tensor().integers()[0];
  const BuiltValue wrapped = f.Add(indices, static_cast<double>(extent));
  const BuiltValue counted = f.Where(f.Less(indices, 0.0), wrapped, indices);
  std::vector<int64_t> extents = ExtentsOf(indices);
  extents.insert(extents.begin() + axis, 1);
  std::vector<int64_t> places(extents.size(), 1);
  places[static_cast<size_t>(axis)] = extent;
  const BuiltValue hit = f.Apply(
      OpCode::kEq, {f.Reshape(counted, Shape(extents)), f.Reshape(f.Iota(extent), Shape(places))});
  return f.Return({f.Where(hit, f.At(values, 0, 1), f.At(values, 0, 0))});
}

// How many elements are not zero is only known if the operand is.
Results NonZero(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  if (!f.Require(x.is_known(), "operand 0 must not depend on the inputs and states")) {
    return f.Return({});
  }
  const BuiltValue truth = f.Cast(x, ElementType::kBool);
  std::vector<std::vector<int64_t>> found(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < truth.tensor().integers().size(); ++i) {
    if (truth.tensor().integers()[i] == 0) continue;
    auto place = static_cast<int64_t>(i);
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      found[static_cast<size_t>(axis)].push_back(place % x.shape()[axis]);
      place /= x.shape()[axis];
    }
  }
  const auto count = found.empty() ? int64_t{0} : static_cast<int64_t>(found[0].size());
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& along : found) all.insert(all.end(), along.begin(), along.end());
  return f.Return({f.Integers(std::move(all), Shape({x.rank(), count}))});
}

// Returns the elements along an axis, or of the flat tensor, whose condition is true.
Results Compress(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  const std::vector<int64_t> condition = node.KnownIntegers(1);
  int axis = 0;
  if (node.has_attribute("axis")) {
    axis = node.Axis(node.Int("axis", 0), x.rank());
  } else {
    x = f.Reshape(x, Shape({Product(ExtentsOf(x))}));
  }
  std::vector<int64_t> kept;
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<int64_t>(i));
  }
  const auto count = static_cast<int64_t>(kept.size());
  if (!f.Require(x.rank() > 0 && (kept.empty() || kept.back() < x.shape()[axis]),
                 "there are more conditions than elements")) {
    return f.Return({});
  }
  if (kept.empty()) return f.Return({f.Slice(x, axis, 0, 0)});
  return f.Return({f.Gather(x, f.Integers(std::move(kept), Shape({count})), axis)});
}

constexpr NamedConverter kConverters[] = {
    {"Compress", Compress, 9},
    {"Gather", Gather},
    {"GatherElements", GatherElements, 11},
    {"GatherND", GatherNd, 11},
    {"NonZero", NonZero, 9},
    {"OneHot", OneHot, 9},
    {"Scatter", ScatterElements, 9},
    {"ScatterElements", ScatterElements, 11},
    {"ScatterND", ScatterNd, 11},
};

}  // namespace

absl::Span<const NamedConverter> IndexConverters() { return kConverters; }

}  // namespace rnnserve
