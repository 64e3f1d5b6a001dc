// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Convolutions that are not worth a matrix (matrix_form.h), or whose kernel is not constant.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "core/program/loop.h"
#include "core/program/lowering.h"

namespace rnnserve {
namespace {

// Returns the steps along the spatial axes of a view, [channels, spatial...], times `factors`.
std::vector<int64_t> SpatialSteps(const StridedView& view, const std::vector<int64_t>& factors) {
  std::vector<int64_t> steps;
  for (size_t i = 0; i < factors.size(); ++i) steps.push_back(factors[i] * view.strides[1 + i]);
  return steps;
}

void Append(std::vector<int64_t>& list, absl::Span<const int64_t> more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

PlannedValue Lowering::Padded(const PlannedValue& x, const std::vector<Attributes::Pad>& pads) {
  const bool has_padding = std::any_of(pads.begin(), pads.end(), [](const Attributes::Pad& pad) {
    return pad.low != 0 || pad.high != 0;
  });
  if (!has_padding) return Ascending(x);
  const std::vector<int64_t> ones(pads.size(), 1);
  WindowGrid grid{{}, ones, ones, ones, {}, 1};
  for (size_t i = 0; i < pads.size(); ++i) {
    grid.positions.push_back(x.view.extents[1 + i] + pads[i].low + pads[i].high);
    grid.lows.push_back(pads[i].low);
  }
  PlannedValue padded = Windows(x, grid);
  // The copy is [spatial..., channels].
  std::vector<int64_t> extents = grid.positions;
  extents.push_back(x.view.extents[0]);
  std::vector<int64_t> perm = {static_cast<int64_t>(pads.size())};
  for (int64_t i = 0; i < perm[0]; ++i) perm.push_back(i);
  padded.view = StridedView::Dense(extents).Transposed(perm);
  return padded;
}

PlannedValue Lowering::DenseConstant(const PlannedValue& value) {
  const float* const elements = storages_.ConstantAt(value.storage);
  if (elements == nullptr) return Dense(value);
  std::vector<float> dense;
  std::vector<LoopAxis<1>> axes;
  for (size_t i = 0; i < value.view.extents.size(); ++i) {
    axes.push_back({value.view.extents[i], {value.view.strides[i]}});
  }
  const int64_t offset = value.view.offset;
  ForEachPosition<1>(
      axes, [&](const std::array<int64_t, 1>& at) { dense.push_back(elements[offset + at[0]]); });
  return {value.type, storages_.NewConstant(dense), StridedView::Dense(value.view.extents)};
}

// One multiplication and addition of vectors for each tap.
PlannedValue Lowering::ConvolveDepthwise(const Attributes::Window& window,
                                         absl::Span<const int64_t> extents, const PlannedValue& x,
                                         const PlannedValue& kernel) {
  const size_t rank = window.strides.size();
  // The kernel as [taps..., channels].
  std::vector<int64_t> perm;
  for (size_t i = 0; i < rank; ++i) perm.push_back(static_cast<int64_t>(2 + i));
  Append(perm, {0, 1});
  PlannedValue turned = kernel;
  turned.view = kernel.view.Transposed(perm);
  turned = DenseConstant(turned);
  PlannedValue windows = x;
  windows.view.extents.assign(extents.begin(), extents.end());
  windows.view.strides = {x.view.strides[0]};
  Append(windows.view.strides, SpatialSteps(x.view, window.strides));
  PlannedValue weights = turned;
  weights.view.extents.assign(1 + rank, 1);
  weights.view.strides.assign(1 + rank, 0);
  weights.view.extents[0] = extents[0];
  weights.view.strides[0] = 1;
  std::vector<LoopAxis<2>> taps;
  const std::vector<int64_t> tap_steps = SpatialSteps(x.view, window.dilations);
  for (size_t i = 0; i < rank; ++i) {
    taps.push_back({turned.view.extents[i], {tap_steps[i], turned.view.strides[i]}});
  }
  std::vector<PlannedValue> sum;
  ForEachPosition<2>(taps, [&](const std::array<int64_t, 2>& at) {
    PlannedValue tap = windows;
    PlannedValue weight = weights;
    tap.view.offset += at[0];
    weight.view.offset += at[1];
    sum = {sum.empty() ? Map(MapFunction::kMul, extents, {tap, weight})
                       : Map(MapFunction::kMulAdd, extents, {tap, weight, sum[0]})};
  });
  return sum[0];
}

PlannedValue Lowering::Convolve(const Attributes::Window& window, absl::Span<const int64_t> extents,
                                const PlannedValue& x, const PlannedValue& kernel) {
  const PlannedValue padded = Padded(x, window.pads);
  const int64_t groups = window.groups;
  const int64_t channels = kernel.view.extents[1];
  const int64_t units = kernel.view.extents[0] / groups;
  // More taps would be too many instructions.
  constexpr int64_t kDepthwiseTapsMax = 64;
  const absl::Span<const int64_t> taps = absl::MakeConstSpan(kernel.view.extents).subspan(2);
  if (channels == 1 && units == 1 && StridedView::Dense(taps).size() <= kDepthwiseTapsMax) {
    return ConvolveDepthwise(window, extents, padded, kernel);
  }
  const auto letters_of = [&](char first) {
    std::string letters;
    for (size_t i = 0; i < taps.size(); ++i) letters += static_cast<char>(first + i);
    return letters;
  };
  const std::string positions = letters_of('c');
  DotEquation equation;
  equation.summed = letters_of('m') + "z";
  equation.a = "a" + positions + equation.summed;
  equation.b = "ab" + equation.summed;
  equation.result = "ab" + positions;
  PlannedValue windows = padded;
  windows.view.extents = {groups};
  Append(windows.view.extents, extents.subspan(1));
  Append(windows.view.extents, taps);
  windows.view.extents.push_back(channels);
  windows.view.strides = {channels * padded.view.strides[0]};
  Append(windows.view.strides, SpatialSteps(padded.view, window.strides));
  Append(windows.view.strides, SpatialSteps(padded.view, window.dilations));
  windows.view.strides.push_back(padded.view.strides[0]);
  PlannedValue weights = kernel;
  weights.view.extents = {groups, units};
  weights.view.strides = {units * kernel.view.strides[0], kernel.view.strides[0]};
  Append(weights.view.extents, taps);
  Append(weights.view.strides, absl::MakeConstSpan(kernel.view.strides).subspan(2));
  weights.view.extents.push_back(channels);
  weights.view.strides.push_back(kernel.view.strides[1]);
  PlannedValue result = Dot(equation, windows, DenseConstant(weights));
  result.view = *result.view.Reshaped(extents);
  return result;
}

}  // namespace rnnserve
