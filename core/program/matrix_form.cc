// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/matrix_form.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "core/kernels/columns.h"
#include "core/program/dot_equation.h"
#include "core/program/loop.h"

namespace rnnserve {
namespace {

// A product has at least this many results for each column of x. Packed weights have a multiple of
// 16, but two sums next to each other would be computed even more slowly without them. A single sum
// runs along the weights.
constexpr int64_t kProductUnitsMin = 2;
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
  const int64_t x_stride = LoopNest({columns}).inner_stride(0);
  const int64_t input_size = part(num_kept, rank).size();
  std::vector<LoopAxis<1>> blocks;
  for (size_t i = 0; i < axes.shared.size(); ++i) {
    blocks.push_back({shared.extents[i], {shared.strides[i]}});
  }
  const StridedView w =
      DotAxes::Ordered(weights.view, axes.weights, axes.shared + axes.summed + axes.units);
  const std::vector<float> all_weights = ElementsOf(elements, w);
  const StridedView units = StridedView::Dense(
      absl::MakeConstSpan(w.extents).subspan(axes.shared.size() + axes.summed.size()));
  form.units = units.size();
  ForEachPosition<1>(blocks, [&](const std::array<int64_t, 1>& offset) {
    MatrixForm::Part& block = form.parts.emplace_back();
    block.input_size = input_size;
    const auto first = all_weights.begin() +
                       static_cast<std::ptrdiff_t>(form.parts.size() - 1) * input_size * form.units;
    block.weights.assign(first, first + input_size * form.units);
    for (int64_t i = 0; i < columns.size(); ++i) {
      block.x_offsets.push_back(static_cast<int32_t>(offset[0] + i * x_stride));
      block.y_offsets.push_back(static_cast<int32_t>(form.size));
      form.size += PaddedRows(form.units);
    }
  });
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

// A convolution of one row.
struct Convolution {
  Convolution(const Attributes::Window& attributes, const Shape& result, const Shape& kernel)
      : window(attributes), groups(attributes.groups), channels(kernel[1]) {
    for (int i = 2; i < kernel.rank(); ++i) {
      taps.push_back(kernel[i]);
      positions.push_back(result[i - 1]);
    }
    for (const Attributes::Pad& pad : window.pads) lows.push_back(pad.low);
    num_taps = StridedView::Dense(taps).size();
    num_positions = StridedView::Dense(positions).size();
  }

  const Attributes::Window& window;
  int64_t groups;
  int64_t channels;  // of a group
  std::vector<int64_t> taps;
  std::vector<int64_t> positions;
  std::vector<int64_t> lows;
  int64_t num_taps;
  int64_t num_positions;
};

// Taps that follow each other in x as in the kernel, and the positions at which all of them are
// inside x.
struct TapRun {
  int64_t first;
  int64_t count;
  std::vector<int64_t> positions;
  std::vector<int64_t> x_offsets;  // of the first tap, for each of the positions
};

// Finds the runs of taps in x, [channels, spatial...], with `lows` zeros in front.
std::vector<TapRun> FindRuns(const Convolution& convolution, const StridedView& x,
                             const std::vector<int64_t>& lows) {
  const size_t rank = convolution.taps.size();
  const Attributes::Window& window = convolution.window;
  const auto each = [&](const std::vector<int64_t>& extents, auto body) {
    std::vector<int64_t> at(rank, 0);
    for (int64_t i = 0; i < StridedView::Dense(extents).size(); ++i) {
      body(i, at);
      for (size_t axis = rank; axis-- > 0;) {
        if (++at[axis] < extents[axis]) break;
        at[axis] = 0;
      }
    }
  };
  const bool has_close_channels = convolution.channels == 1 || x.strides[0] == 1;
  std::vector<TapRun> runs;
  each(convolution.taps, [&](int64_t tap, const std::vector<int64_t>& tap_at) {
    TapRun run{tap, 1, {}, {}};
    each(convolution.positions, [&](int64_t position, const std::vector<int64_t>& at) {
      int64_t offset = 0;
      for (size_t i = 0; i < rank; ++i) {
        const int64_t from = at[i] * window.strides[i] + tap_at[i] * window.dilations[i] - lows[i];
        if (from < 0 || from >= x.extents[1 + i]) return;
        offset += from * x.strides[1 + i];
      }
      run.positions.push_back(position);
      run.x_offsets.push_back(offset);
    });
    if (run.positions.empty()) return;
    if (!runs.empty() && has_close_channels) {
      TapRun& last = runs.back();
      bool joins = last.first + last.count == tap && last.positions == run.positions;
      for (size_t i = 0; joins && i < run.x_offsets.size(); ++i) {
        joins = run.x_offsets[i] == last.x_offsets[i] + last.count * convolution.channels;
      }
      if (joins) {
        ++last.count;
        return;
      }
    }
    runs.push_back(std::move(run));
  });
  return runs;
}

// Returns whether products of the runs of taps are a good way to compute a convolution.
bool AreWorthIt(const Convolution& convolution, const std::vector<TapRun>& runs) {
  // A product with fewer inputs spends too much time on the sums that it starts from.
  constexpr int64_t kRunInputsMin = 32;
  std::vector<bool> is_covered(static_cast<size_t>(convolution.num_positions), false);
  for (const TapRun& run : runs) {
    if (run.count * convolution.channels < kRunInputsMin &&
        (runs.size() > 1 || run.count < convolution.num_taps)) {
      return false;
    }
    for (const int64_t position : run.positions) is_covered[static_cast<size_t>(position)] = true;
  }
  return std::find(is_covered.begin(), is_covered.end(), false) == is_covered.end();
}

// Makes x such that runs of taps are worth it, and returns these. Prefers x as it is to a copy in
// which the channels of a position follow each other, a copy that has the padding too, and at last
// a copy of every window.
std::vector<TapRun> PlaceWindows(const Convolution& convolution, MatrixForm& form,
                                 Lowering& copies) {
  const StridedView x = form.x.view;
  const std::vector<int64_t> no_lows(convolution.lows.size(), 0);
  const std::vector<int64_t> ones(convolution.lows.size(), 1);
  if (convolution.channels == 1 || x.strides[0] == 1) {
    std::vector<TapRun> runs = FindRuns(convolution, x, convolution.lows);
    if (AreWorthIt(convolution, runs)) return runs;
  }
  form.is_copied = true;
  for (const bool has_padding : {false, true}) {
    WindowGrid grid{{}, ones, ones, ones, has_padding ? convolution.lows : no_lows, 1};
    for (size_t i = 0; i < convolution.lows.size(); ++i) {
      const auto& [low, high] = convolution.window.pads[i];
      grid.positions.push_back(x.extents[1 + i] + (has_padding ? low + high : 0));
    }
    // The copy is [spatial..., channels].
    std::vector<int64_t> copied = grid.positions;
    copied.push_back(x.extents[0]);
    std::vector<int64_t> perm = {static_cast<int64_t>(copied.size()) - 1};
    for (int64_t i = 0; i < perm[0]; ++i) perm.push_back(i);
    const StridedView view = StridedView::Dense(copied).Transposed(perm);
    std::vector<TapRun> runs =
        FindRuns(convolution, view, has_padding ? no_lows : convolution.lows);
    if (!AreWorthIt(convolution, runs)) continue;
    form.x = copies.Windows(form.x, grid);
    form.x.view = view;
    return runs;
  }
  form.x =
      copies.Windows(form.x, {convolution.positions, convolution.taps, convolution.window.strides,
                              convolution.window.dilations, convolution.lows, convolution.groups});
  TapRun all{0, convolution.num_taps, {}, {}};
  for (int64_t i = 0; i < convolution.num_positions; ++i) {
    all.positions.push_back(i);
    all.x_offsets.push_back(i * convolution.num_taps * convolution.channels);
  }
  // The windows of a group are together.
  form.x.view = StridedView{0, {x.extents[0]}, {convolution.num_positions * convolution.num_taps}};
  return {all};
}

// The weights of a convolution, and where the sums of its positions are.
struct ConvolutionSums {
  std::vector<float> weights;  // [groups, taps, channels, units]
  int64_t column_stride;       // from the sums of one position to those of the next
};

// Appends the products of a run of taps at some of its positions: one for each group.
void AppendParts(const Convolution& convolution, const ConvolutionSums& sums, const TapRun& run,
                 const std::vector<size_t>& chosen, bool goes_on, MatrixForm& form) {
  const int64_t channels = convolution.channels;
  for (int64_t group = 0; group < convolution.groups; ++group) {
    MatrixForm::Part& part = form.parts.emplace_back();
    part.goes_on = goes_on;
    part.input_size = run.count * channels;
    const auto first =
        sums.weights.begin() + (group * convolution.num_taps + run.first) * channels * form.units;
    part.weights.assign(first, first + part.input_size * form.units);
    for (const size_t i : chosen) {
      part.x_offsets.push_back(
          static_cast<int32_t>(run.x_offsets[i] + group * channels * form.x.view.strides[0]));
      part.y_offsets.push_back(
          static_cast<int32_t>(run.positions[i] * sums.column_stride + group * form.units));
    }
  }
}

// A convolution is a sum of products, each of the weights of some taps and what is below them at
// all positions, so padding is neither copied nor multiplied.
MatrixForm FormOfConvolution(const ProductOperation& product, const Shape& result,
                             const Shape& kernel, const PlannedValue& x,
                             const PlannedValue& weights, const float* elements, Lowering& copies) {
  const Convolution convolution(product.operation.attributes.window, result, kernel);
  const int64_t groups = convolution.groups;
  MatrixForm form;
  form.x = x;
  form.units = kernel[0] / groups;
  std::vector<TapRun> runs = PlaceWindows(convolution, form, copies);
  // Products for all positions come first, so that others find their sums begun.
  std::stable_sort(runs.begin(), runs.end(), [](const TapRun& a, const TapRun& b) {
    return a.positions.size() > b.positions.size();
  });
  const std::vector<int64_t> split = {groups, form.units, convolution.channels,
                                      convolution.num_taps};
  const ConvolutionSums sums = {
      ElementsOf(elements, weights.view.Reshaped(split)->Transposed({0, 3, 2, 1})),
      groups == 1 ? PaddedRows(form.units) : kernel[0]};
  std::vector<bool> is_begun(static_cast<size_t>(convolution.num_positions), false);
  for (const TapRun& run : runs) {
    for (const bool goes_on : {false, true}) {
      std::vector<size_t> chosen;  // of the positions of the run
      for (size_t i = 0; i < run.positions.size(); ++i) {
        if (is_begun[static_cast<size_t>(run.positions[i])] == goes_on) chosen.push_back(i);
      }
      if (!chosen.empty()) AppendParts(convolution, sums, run, chosen, goes_on, form);
    }
    for (const int64_t position : run.positions) is_begun[static_cast<size_t>(position)] = true;
  }
  // The result: a column for each position, with the units of all groups.
  form.size = convolution.num_positions * sums.column_stride;
  form.result = StridedView::Dense(convolution.positions);
  for (int64_t& stride : form.result.strides) stride *= sums.column_stride;
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
