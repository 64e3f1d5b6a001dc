// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/ops/window.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/onnx_limits.h"

namespace rnnserve {
namespace {

// Returns the pads with which every stride gets a window, however far it reaches beyond the
// operand.
Attributes::Pad SamePad(int64_t extent, int64_t stride, int64_t reach, bool is_upper) {
  const int64_t windows = (extent + stride - 1) / stride;
  const int64_t total = std::max<int64_t>(0, (windows - 1) * stride + reach - extent);
  const int64_t less = total / 2;
  return is_upper ? Attributes::Pad{less, total - less} : Attributes::Pad{total - less, less};
}

// Returns the pad behind an axis with which it has as many windows as ceil_mode says.
int64_t CeilPad(int64_t extent, int64_t stride, int64_t reach, Attributes::Pad pad) {
  const int64_t padded = extent + pad.low + pad.high;
  int64_t windows = (padded - reach + stride - 1) / stride + 1;
  // A window that would begin in the pad behind the axis does not count.
  if ((windows - 1) * stride >= extent + pad.low) --windows;
  return (windows - 1) * stride + reach - extent - pad.low;
}

}  // namespace

bool AreSmall(const std::vector<int64_t>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](int64_t number) {
    return number >= -kOnnxMadeElementsMax && number <= kOnnxMadeElementsMax;
  });
}

Attributes::Window WindowOf(NodeConversion& node, Formula& f, const BuiltValue& x,
                            const std::vector<int64_t>& size) {
  Attributes::Window window;
  window.size = size;
  const size_t rank = size.size();
  window.strides = node.Ints("strides", std::vector<int64_t>(rank, 1));
  window.dilations = node.Ints("dilations", std::vector<int64_t>(rank, 1));
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * rank, 0));
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  const bool is_ceil = node.Int("ceil_mode", 0) != 0;
  const bool is_upper = auto_pad == "SAME_UPPER";
  const bool is_same = is_upper || auto_pad == "SAME_LOWER";
  const bool is_set = is_same || auto_pad == "VALID";
  const auto all_positive = [](const std::vector<int64_t>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](int64_t number) { return number > 0; });
  };
  if (!f.Require(x.rank() == static_cast<int>(rank) + 2,
                 absl::StrCat("it needs [batch, channels, space...]; the operand has the shape ",
                              x.shape().ToString())) ||
      !f.Require(window.strides.size() == rank && window.dilations.size() == rank &&
                     pads.size() == 2 * rank && all_positive(window.strides) &&
                     all_positive(window.dilations) && all_positive(size),
                 "kernel_shape, strides, dilations or pads do not fit the spatial axes") ||
      !f.Require(AreSmall(size) && AreSmall(window.strides) && AreSmall(window.dilations) &&
                     AreSmall(pads),
                 "kernel_shape, strides, dilations or pads are beyond every tensor") ||
      !f.Require(is_set || auto_pad == "NOTSET", absl::StrCat("auto_pad is '", auto_pad, "'"))) {
    return window;
  }
  for (size_t i = 0; i < rank; ++i) {
    const int64_t extent = x.shape()[static_cast<int>(i) + 2];
    const int64_t reach = (size[i] - 1) * window.dilations[i] + 1;
    Attributes::Pad pad;
    if (is_same) {
      pad = SamePad(extent, window.strides[i], reach, is_upper);
    } else if (!is_set) {
      pad = {pads[i], pads[i + rank]};
    }
    if (is_ceil && !is_same) pad.high = CeilPad(extent, window.strides[i], reach, pad);
    window.pads.push_back(pad);
  }
  return window;
}

BuiltValue ApplyWindow(Formula& f, OpCode code, const BuiltValue& x, const BuiltValue* kernel,
                       Attributes::Window window) {
  if (!f.ok()) return x;
  const std::vector<int64_t> extents = ExtentsOf(x);
  const int64_t batch = extents[0];
  // Two spatial axes are all that a window can have, so there each image is computed on its own.
  if (batch > 1 && x.rank() == 4) {
    std::vector<BuiltValue> images;
    for (int64_t i = 0; i < batch && f.ok(); ++i) {
      images.push_back(ApplyWindow(f, code, f.Slice(x, 0, i, i + 1), kernel, window));
    }
    return f.Concat(images, 0);
  }
  // Pads behind an axis that ceil_mode made negative cut off elements that no window reads.
  BuiltValue row = x;
  for (size_t i = 0; i < window.pads.size(); ++i) {
    int64_t& high = window.pads[i].high;
    const int axis = static_cast<int>(i) + 2;
    if (high < 0) row = f.Slice(row, axis, 0, extents[i + 2] + high);
    high = std::max<int64_t>(high, 0);
  }
  if (!f.ok()) return x;
  const std::vector<int64_t> cut = ExtentsOf(row);
  std::vector<int64_t> swapped = Counting(x.rank());
  std::swap(swapped[0], swapped[1]);
  BuiltValue wide;
  if (kernel != nullptr) wide = *kernel;
  if (batch == 1) {
    row = f.Reshape(row, Shape(absl::MakeConstSpan(cut).subspan(1)));
  } else {
    row = f.Transpose(row, swapped);
    for (std::vector<int64_t>* list : {&window.strides, &window.dilations}) {
      list->insert(list->begin(), 1);
    }
    if (!window.size.empty()) window.size.insert(window.size.begin(), 1);
    if (!window.output_pads.empty()) window.output_pads.insert(window.output_pads.begin(), 0);
    window.pads.insert(window.pads.begin(), {0, 0});
    if (kernel != nullptr) {
      std::vector<int64_t> shape = ExtentsOf(*kernel);
      shape.insert(shape.begin() + 2, 1);
      wide = f.Reshape(*kernel, Shape(shape));
    }
  }
  if (row.rank() > 3) f.Refuse("windows over more than two axes are not served");
  if (kernel != nullptr) window.size.clear();
  Attributes attributes;
  attributes.window = std::move(window);
  const BuiltValue result = kernel != nullptr ? f.Apply(code, {row, wide}, std::move(attributes))
                                              : f.Apply(code, {row}, std::move(attributes));
  if (!f.ok()) return x;
  if (batch > 1) return f.Transpose(result, swapped);
  std::vector<int64_t> shape = ExtentsOf(result);
  shape.insert(shape.begin(), 1);
  return f.Reshape(result, Shape(shape));
}

}  // namespace rnnserve
