// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/matrix_form.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "core/kernels/columns.h"
#include "core/program/dot_equation.h"
#include "core/program/loop.h"

namespace rnnserve {
namespace {

// A product has at least this many results for each column of x, because packed weights have a
// multiple of 16; else its sums are computed one by one.
constexpr int64_t kProductUnitsMin = 4;
// The multiply-adds of one of several small products that are worth a call.
constexpr int64_t kBlockWorkMin = 64;

// Returns the elements of a view in row-major order.
std::vector<float> ElementsOf(const float* memory, const StridedView& view) {
  std::vector<float> elements;
  elements.reserve(static_cast<size_t>(view.size()));
  const LoopNest nest({view});
  std::vector<LoopAxis<1>> axes;
  for (size_t i = 0; i + 1 < nest.extents.size(); ++i) {
    axes.push_back({nest.extents[i], {nest.strides[0][i]}});
  }
  const int64_t stride = nest.inner_stride(0);
  ForEachPosition<1>(axes, [&](const std::array<int64_t, 1>& offset) {
    const float* const from = memory + view.offset + offset[0];
    if (stride == 1) {
      elements.insert(elements.end(), from, from + nest.inner_extent());
      return;
    }
    for (int64_t i = 0; i < nest.inner_extent(); ++i) elements.push_back(from[i * stride]);
  });
  return elements;
}

// The axes of a product of x and constant weights, by their letters in the equation: those of both
// and the result, of x and the result, of both without the result, and of the weights and the
// result.
struct DotAxes {
  explicit DotAxes(const ProductOperation& product) {
    const DotEquation equation = *DotEquation::Parse(product.operation.attributes.equation);
    x = product.is_first_constant ? equation.b : equation.a;
    weights = product.is_first_constant ? equation.a : equation.b;
    result = equation.result;
    summed = equation.summed;
    const auto has = [](const std::string& letters, char letter) {
      return letters.find(letter) != std::string::npos;
    };
    for (const char letter : result) {
      const bool in_both = has(x, letter) && has(weights, letter);
      (in_both ? shared : has(x, letter) ? columns : units) += letter;
    }
  }

  // Returns the view with its axes in the order of `wanted`, a permutation of `letters`.
  static StridedView Ordered(const StridedView& view, const std::string& letters,
                             const std::string& wanted) {
    std::vector<int64_t> perm;
    for (const char letter : wanted) perm.push_back(static_cast<int64_t>(letters.find(letter)));
    return view.Transposed(perm);
  }

  std::string x, weights, result;
  std::string shared, columns, summed, units;
};

bool IsDotWorthMatrix(const ProductOperation& product, const Shape& weights) {
  const DotAxes axes(product);
  const auto extent = [&](const std::string& letters) {
    int64_t size = 1;
    for (const char letter : letters) {
      size *= weights[static_cast<int>(axes.weights.find(letter))];
    }
    return size;
  };
  return extent(axes.units) >= kProductUnitsMin &&
         (axes.shared.empty() || extent(axes.units) * extent(axes.summed) >= kBlockWorkMin);
}

MatrixForm FormOfDot(const ProductOperation& product, const PlannedValue& x,
                     const PlannedValue& weights, const float* elements, Lowering& copies) {
  const DotAxes axes(product);
  MatrixForm form;
  form.x = x;
  form.x.view = DotAxes::Ordered(x.view, axes.x, axes.shared + axes.columns + axes.summed);
  const auto num_shared = static_cast<std::ptrdiff_t>(axes.shared.size());
  const auto num_kept = num_shared + static_cast<std::ptrdiff_t>(axes.columns.size());
  const auto part = [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    const StridedView& view = form.x.view;
    return StridedView{0,
                       {view.extents.begin() + first, view.extents.begin() + last},
                       {view.strides.begin() + first, view.strides.begin() + last}};
  };
  const auto rank = static_cast<std::ptrdiff_t>(axes.x.size());
  if (!part(num_kept, rank).IsDense() || LoopNest({part(num_shared, num_kept)}).rank() > 1) {
    form.x = copies.Dense(form.x);
    form.is_copied = true;
  }
  const StridedView shared = part(0, num_shared);
  const StridedView columns = part(num_shared, num_kept);
  form.num_columns = columns.size();
  form.x_stride = LoopNest({columns}).inner_stride(0);
  form.input_size = part(num_kept, rank).size();
  std::vector<LoopAxis<1>> blocks;
  for (size_t i = 0; i < axes.shared.size(); ++i) {
    blocks.push_back({shared.extents[i], {shared.strides[i]}});
  }
  ForEachPosition<1>(blocks, [&](const std::array<int64_t, 1>& offset) {
    form.block_offsets.push_back(offset[0]);
  });
  const StridedView w =
      DotAxes::Ordered(weights.view, axes.weights, axes.shared + axes.summed + axes.units);
  form.weights = ElementsOf(elements, w);
  const StridedView units = StridedView::Dense(
      absl::MakeConstSpan(w.extents).subspan(axes.shared.size() + axes.summed.size()));
  form.units = units.size();
  form.column_stride = PaddedRows(form.units);
  form.block_stride = form.num_columns * form.column_stride;
  std::vector<int64_t> outer = shared.extents;
  outer.insert(outer.end(), columns.extents.begin(), columns.extents.end());
  StridedView result = StridedView::Dense(outer);
  for (int64_t& stride : result.strides) stride *= PaddedRows(form.units);
  result.extents.insert(result.extents.end(), units.extents.begin(), units.extents.end());
  result.strides.insert(result.strides.end(), units.strides.begin(), units.strides.end());
  form.result = DotAxes::Ordered(result, axes.shared + axes.columns + axes.units, axes.result);
  for (const char letter : axes.result) {
    form.is_unit_axis.push_back(axes.units.find(letter) != std::string::npos);
  }
  return form;
}

// A convolution is a product of the kernel and the windows of x as columns. Where the windows are
// contiguous parts of x, they are not copied. Along one axis x is copied once, with its padding, if
// that makes them contiguous; else each window is copied.
MatrixForm FormOfConvolution(const ProductOperation& product, const Shape& result,
                             const Shape& kernel, const PlannedValue& x,
                             const PlannedValue& weights, const float* elements, Lowering& copies) {
  const Attributes::Window& window = product.operation.attributes.window;
  MatrixForm form;
  form.x = x;
  const std::vector<int64_t>& x_extents = x.view.extents;
  const size_t num_spatial = x_extents.size() - 1;
  const int64_t groups = window.groups;
  const int64_t channels = kernel[1];
  std::vector<int64_t> taps;
  std::vector<int64_t> positions;
  for (size_t i = 0; i < num_spatial; ++i) {
    taps.push_back(kernel[static_cast<int>(i) + 2]);
    positions.push_back(result[static_cast<int>(i) + 1]);
  }
  const int64_t num_taps = StridedView::Dense(taps).size();
  form.num_columns = StridedView::Dense(positions).size();
  form.input_size = num_taps * channels;
  form.units = kernel[0] / groups;

  const bool is_line = num_spatial == 1 && groups == 1 && window.dilations[0] == 1;
  const StridedView& x_view = x.view;
  const bool is_padded = is_line && (window.pads[0].low != 0 || window.pads[0].high != 0);
  const bool steps_fit = is_line && (channels == 1 || x_view.strides[0] == 1) &&
                         (num_taps == 1 || x_view.strides[1] == channels);
  if (is_line && !is_padded && steps_fit) {
    form.x_stride = window.strides[0] * x_view.strides[1];
    form.block_offsets = {0};
  } else {
    WindowGrid grid{positions, taps, window.strides, window.dilations, {}, groups};
    for (const Attributes::Pad& pad : window.pads) grid.lows.push_back(pad.low);
    form.x_stride = form.input_size;
    if (is_line) {
      const auto& [low, high] = window.pads[0];
      grid = {{x_extents[1] + low + high}, {1}, {1}, {1}, {low}, 1};
      form.x_stride = window.strides[0] * channels;
    }
    form.x = copies.Windows(x, grid);
    form.is_copied = true;
    for (int64_t group = 0; group < groups; ++group) {
      form.block_offsets.push_back(group * form.num_columns * form.input_size);
    }
  }
  // The kernel as [groups, taps, channels, units].
  std::vector<int64_t> split = {groups, form.units, channels, num_taps};
  const StridedView w = weights.view.Reshaped(split)->Transposed({0, 3, 2, 1});
  form.weights = ElementsOf(elements, w);
  // The result: a column for each position, with the units of all groups.
  form.column_stride = groups == 1 ? PaddedRows(form.units) : kernel[0];
  form.block_stride = form.units;
  form.result = StridedView::Dense(positions);
  for (int64_t& stride : form.result.strides) stride *= form.column_stride;
  form.result.extents.insert(form.result.extents.begin(), kernel[0]);
  form.result.strides.insert(form.result.strides.begin(), 1);
  form.is_unit_axis.assign(form.result.extents.size(), false);
  form.is_unit_axis[0] = groups == 1;
  return form;
}

}  // namespace

bool IsWorthMatrix(const ProductOperation& product, const std::vector<Program::Value>& values) {
  const Shape& weights = values[product.weights()].shape;
  if (product.operation.code == OpCode::kDot) return IsDotWorthMatrix(product, weights);
  const int64_t groups = product.operation.attributes.window.groups;
  const int64_t units = weights[0] / groups;
  return units >= kProductUnitsMin && (groups == 1 || units % kColumnQuantum == 0);
}

MatrixForm FormOfProduct(const ProductOperation& product, const std::vector<Program::Value>& values,
                         const PlannedValue& x, const PlannedValue& weights, const float* elements,
                         Lowering& copies) {
  if (product.operation.code == OpCode::kDot) {
    return FormOfDot(product, x, weights, elements, copies);
  }
  return FormOfConvolution(product, values[product.operation.results[0]].shape,
                           values[product.weights()].shape, x, weights, elements, copies);
}

}  // namespace rnnserve
