// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Resize and Upsample by factors that are known at import: each axis is gathered from, or is
// multiplied with a constant matrix.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/onnx_limits.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// How the elements of all axes are found.
struct Sampling {
  std::string mode = "nearest";
  std::string coordinates = "asymmetric";
  // "simple", of versions before 11, rounds down where the axis grows and up where it shrinks.
  std::string rounding = "simple";
  double cubic = -0.75;
  bool excludes_outside = false;
};

// One axis.
struct Axis {
  int64_t from = 1;
  int64_t to = 1;
  double scale = 1.0;
};

// Returns the place among the old elements of new element `i`.
double PlaceOf(const Sampling& sampling, const Axis& axis, int64_t i) {
  const auto x = static_cast<double>(i);
  const auto from = static_cast<double>(axis.from);
  const auto to = static_cast<double>(axis.to);
  if (sampling.coordinates == "asymmetric") return x / axis.scale;
  if (sampling.coordinates == "align_corners") {
    return axis.to == 1 ? 0.0 : x * (from - 1.0) / (to - 1.0);
  }
  const double half_pixel = (x + 0.5) / axis.scale - 0.5;
  if (sampling.coordinates == "pytorch_half_pixel") return axis.to == 1 ? 0.0 : half_pixel;
  if (sampling.coordinates == "half_pixel_symmetric") {
    return from / 2.0 * (1.0 - to / (axis.scale * from)) + half_pixel;
  }
  return half_pixel;
}

int64_t Nearest(const Sampling& sampling, const Axis& axis, double place) {
  double nearest = std::floor(place);
  if (sampling.rounding == "ceil" || (sampling.rounding == "simple" && axis.scale < 1.0)) {
    nearest = std::ceil(place);
  } else if (sampling.rounding == "round_prefer_floor") {
    nearest = std::ceil(place - 0.5);
  } else if (sampling.rounding == "round_prefer_ceil") {
    nearest = std::floor(place + 0.5);
  }
  return std::clamp<int64_t>(static_cast<int64_t>(nearest), 0, axis.from - 1);
}

// Returns the weight of an old element at that distance, for linear and cubic interpolation.
double Weight(const Sampling& sampling, double distance) {
  const double d = std::abs(distance);
  if (sampling.mode == "linear") return std::max(0.0, 1.0 - d);
  const double a = sampling.cubic;
  if (d <= 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  if (d < 2.0) return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
  return 0.0;
}

// Returns the matrix [to, from]. Elements outside of the axis count as those at its ends, or not at
// all.
BuiltValue Interpolation(Formula& f, const Sampling& sampling, const Axis& axis) {
  if (!f.RequireRoom({axis.to, axis.from})) return f.Iota(1);
  std::vector<float> matrix;
  for (int64_t i = 0; i < axis.to; ++i) {
    const double place = PlaceOf(sampling, axis, i);
    const auto first = static_cast<int64_t>(std::floor(place)) - 1;
    std::vector<double> row(static_cast<size_t>(axis.from), 0.0);
    double sum = 0.0;
    for (int64_t tap = first; tap < first + 4; ++tap) {
      const bool is_outside = tap < 0 || tap >= axis.from;
      if (is_outside && sampling.excludes_outside) continue;
      const double weight = Weight(sampling, place - static_cast<double>(tap));
      row[static_cast<size_t>(std::clamp<int64_t>(tap, 0, axis.from - 1))] += weight;
      sum += weight;
    }
    for (const double weight : row) matrix.push_back(static_cast<float>(weight / sum));
  }
  return f.Floats(std::move(matrix), Shape({axis.to, axis.from}));
}

BuiltValue ResizeAxis(Formula& f, const BuiltValue& x, int number, const Sampling& sampling,
                      const Axis& axis) {
  if (!f.ok() || (axis.from == axis.to && axis.scale == 1.0)) return x;
  if (!f.Require(axis.from > 0, "an axis has no elements")) return x;
  if (sampling.mode == "nearest") {
    if (!f.RequireRoom({axis.to})) return x;
    std::vector<int64_t> sources;
    for (int64_t i = 0; i < axis.to; ++i) {
      sources.push_back(Nearest(sampling, axis, PlaceOf(sampling, axis, i)));
    }
    return f.Gather(x, f.Integers(std::move(sources), Shape({axis.to})), number);
  }
  std::string letters = std::string("abcdefgh").substr(0, static_cast<size_t>(x.rank()));
  std::string result = letters;
  letters[static_cast<size_t>(number)] = 'n';
  result[static_cast<size_t>(number)] = 'm';
  return Contract(f, {x, letters}, {Interpolation(f, sampling, axis), "mn"}, result);
}

// Returns an extent, rounded down. Fails if it is beyond the limit or no number.
int64_t SizeOf(Formula& f, double extent) {
  if (!(extent <= static_cast<double>(kOnnxMadeElementsMax))) {
    f.RequireRoom({kOnnxMadeElementsMax + 1});
    return 1;
  }
  return extent > 0.0 ? static_cast<int64_t>(extent) : 0;
}

// Returns the axes that `scales` or `sizes`, of which one is empty, are about.
std::vector<Axis> AxesOf(Formula& f, const BuiltValue& x, const std::vector<int64_t>& numbers,
                         const std::vector<float>& scales, const std::vector<int64_t>& sizes,
                         const std::string& policy, bool aligns_corners) {
  std::vector<Axis> axes(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].from = axes[i].to = x.shape()[static_cast<int>(i)];
  }
  if (!f.Require(scales.size() == numbers.size() || sizes.size() == numbers.size(),
                 "it needs one scale or one size for each axis")) {
    return axes;
  }
  double common = 0.0;  // the scale of all axes, if their proportions are kept
  for (size_t i = 0; i < numbers.size(); ++i) {
    Axis& axis = axes[static_cast<size_t>(numbers[i])];
    if (sizes.empty()) {
      axis.scale = static_cast<double>(scales[i]);
      axis.to = SizeOf(f, static_cast<double>(axis.from) * axis.scale);
    } else {
      axis.to = sizes[i];
      axis.scale = static_cast<double>(axis.to) / static_cast<double>(axis.from);
      const bool is_larger = policy == "not_smaller";
      common = i == 0      ? axis.scale
               : is_larger ? std::max(common, axis.scale)
                           : std::min(common, axis.scale);
    }
    f.Require(axis.to > 0, "an axis would have no elements");
    // The definition and ONNX Runtime then differ in how long the new axis is.
    const double exact = axis.scale * static_cast<double>(axis.from);
    if (aligns_corners && exact != static_cast<double>(axis.to)) {
      f.Refuse("align_corners with a scale that gives no whole number of elements is not served");
    }
  }
  if (sizes.empty() || policy == "stretch") return axes;
  for (const int64_t number : numbers) {
    Axis& axis = axes[static_cast<size_t>(number)];
    axis.scale = common;
    axis.to = SizeOf(f, static_cast<double>(axis.from) * common + 0.5);
  }
  return axes;
}

BuiltValue ResizeAll(Formula& f, BuiltValue x, const Sampling& sampling,
                     const std::vector<Axis>& axes) {
  f.Require(sampling.mode == "nearest" || sampling.mode == "linear" || sampling.mode == "cubic",
            absl::StrCat("mode is '", sampling.mode, "'"));
  for (size_t i = 0; i < axes.size() && f.ok(); ++i) {
    x = ResizeAxis(f, x, static_cast<int>(i), sampling, axes[i]);
  }
  return x;
}

// Upsample, and Resize of version 10.
Results ResizeOld(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  Sampling sampling;
  sampling.mode = node.String("mode", "nearest");
  const std::vector<float> scales =
      node.opset() < 9 ? node.Floats("scales", {}) : node.KnownFloats(1);
  const std::vector<Axis> axes = AxesOf(f, x, Counting(x.rank()), scales, {}, "stretch", false);
  return f.Return({ResizeAll(f, x, sampling, axes)});
}

Results Resize(NodeConversion& node) {
  if (node.opset() < 11) return ResizeOld(node);
  Formula f(node);
  const BuiltValue x = node.operand(0);
  Sampling sampling;
  sampling.mode = node.String("mode", "nearest");
  sampling.coordinates = node.String("coordinate_transformation_mode", "half_pixel");
  sampling.rounding = node.String("nearest_mode", "round_prefer_floor");
  sampling.cubic = static_cast<double>(node.Float("cubic_coeff_a", -0.75f));
  sampling.excludes_outside = node.Int("exclude_outside", 0) != 0;
  node.Ignore("extrapolation_value");  // These two are for tf_crop_and_resize alone.
  node.IgnoreOperand(1);
  if (sampling.coordinates == "tf_crop_and_resize") f.Refuse("tf_crop_and_resize is not served");
  if (node.Int("antialias", 0) != 0) f.Refuse("antialias is not served");
  std::vector<int64_t> numbers;
  for (const int64_t axis : node.Ints("axes", Counting(x.rank()))) {
    numbers.push_back(node.Axis(axis, x.rank()));
  }
  // Before version 13 an empty tensor stood for an operand that is left out.
  const auto is_given = [&](size_t operand) {
    return node.has(operand) && node.operand(operand).shape().NumElements() != 0;
  };
  const std::vector<float> scales = is_given(2) ? node.KnownFloats(2) : std::vector<float>();
  const std::vector<int64_t> sizes = is_given(3) ? node.KnownIntegers(3) : std::vector<int64_t>();
  const std::string policy = node.String("keep_aspect_ratio_policy", "stretch");
  if (x.rank() == 0) f.Refuse("the operand is a scalar");
  if (!f.ok()) return f.Return({});
  const std::vector<Axis> axes =
      AxesOf(f, x, numbers, scales, sizes, policy, sampling.coordinates == "align_corners");
  return f.Return({ResizeAll(f, x, sampling, axes)});
}

constexpr NamedConverter kConverters[] = {
    {"Resize", Resize, 10},
    {"Upsample", ResizeOld},
};

}  // namespace

absl::Span<const NamedConverter> ResizeConverters() { return kConverters; }

}  // namespace rnnserve
