// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"
#include "core/import/onnx/ops/window.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// Returns the extents of a kernel behind its two axes of channels. The attribute must agree with
// them.
std::vector<int64_t> KernelSize(NodeConversion& node, Formula& f, const BuiltValue& kernel) {
  const std::vector<int64_t> extents = ExtentsOf(kernel);
  if (!f.Require(extents.size() > 2, "the kernel has no spatial axes")) return {};
  const std::vector<int64_t> size(extents.begin() + 2, extents.end());
  f.Require(node.Ints("kernel_shape", size) == size, "kernel_shape is not that of the kernel");
  return size;
}

// Adds operand 2, one number for each channel of [batch, channels, space...].
BuiltValue AddBias(NodeConversion& node, Formula& f, const BuiltValue& y) {
  if (!node.has(2) || !f.ok()) return y;
  const BuiltValue bias = node.operand(2);
  if (!f.Require(bias.shape() == Shape({y.shape()[1]}), "it needs one bias for each channel")) {
    return y;
  }
  std::vector<int64_t> extents(static_cast<size_t>(y.rank() - 1), 1);
  extents[0] = y.shape()[1];
  return f.Add(y, f.Reshape(bias, Shape(extents)));
}

Results Conv(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue kernel = node.operand(1);
  Attributes::Window window = WindowOf(node, f, x, KernelSize(node, f, kernel));
  window.groups = node.Int("group", 1);
  return f.Return({AddBias(node, f, ApplyWindow(f, OpCode::kConv, x, &kernel, window))});
}

// Sets the pads and output pads of a transposed convolution, of which some may become negative.
void SetTransposedPads(NodeConversion& node, Formula& f, const BuiltValue& x,
                       Attributes::Window& window) {
  const size_t rank = window.size.size();
  window.output_pads = node.Ints("output_padding", std::vector<int64_t>(rank, 0));
  const std::vector<int64_t> wanted = node.Ints("output_shape", {});
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  const bool is_same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!f.Require(window.output_pads.size() == rank, "output_padding does not fit") ||
      !f.Require(wanted.empty() || wanted.size() == rank || wanted.size() == rank + 2,
                 "output_shape does not fit") ||
      !f.Require(AreSmall(window.output_pads) && AreSmall(wanted),
                 "output_padding or output_shape is beyond every tensor") ||
      !f.ok()) {
    return;
  }
  if (wanted.empty() && !is_same) return;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t extent = x.shape()[static_cast<int>(i) + 2];
    const int64_t stride = window.strides[i];
    const int64_t full = (extent - 1) * stride + (window.size[i] - 1) * window.dilations[i] + 1 +
                         window.output_pads[i];
    const int64_t target = wanted.empty() ? extent * stride : wanted[wanted.size() - rank + i];
    const int64_t total = full - target;
    const int64_t less = total >= 0 ? total / 2 : -((-total + 1) / 2);
    const int64_t more = total - less;
    window.pads[i] =
        auto_pad == "SAME_UPPER" ? Attributes::Pad{less, more} : Attributes::Pad{more, less};
  }
}

// Every element of x adds a multiple of the kernel to the result. The full result may be larger
// than what the pads leave of it, and smaller where they are negative.
Results ConvTranspose(NodeConversion& node) {
  Formula f(node);
  const BuiltValue x = node.operand(0);
  const BuiltValue kernel = node.operand(1);
  Attributes::Window window = WindowOf(node, f, x, KernelSize(node, f, kernel));
  window.groups = node.Int("group", 1);
  SetTransposedPads(node, f, x, window);
  if (!f.ok()) return f.Return({});
  std::vector<Attributes::Pad> added(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < window.pads.size(); ++i) {
    Attributes::Pad& pad = window.pads[i];
    added[i + 2] = {std::max<int64_t>(0, -pad.low), std::max<int64_t>(0, -pad.high)};
    pad = {std::max<int64_t>(0, pad.low), std::max<int64_t>(0, pad.high)};
    // Output pads are elements that the pads behind leave.
    const int64_t fewer = std::min(window.output_pads[i], pad.high);
    window.output_pads[i] -= fewer;
    pad.high -= fewer;
    if (window.output_pads[i] >= std::max(window.strides[i], window.dilations[i])) {
      added[i + 2].high += window.output_pads[i];
      window.output_pads[i] = 0;
    }
  }
  BuiltValue y = ApplyWindow(f, OpCode::kConvTranspose, x, &kernel, window);
  const bool is_padded = std::any_of(added.begin(), added.end(), [](const Attributes::Pad& pad) {
    return pad.low > 0 || pad.high > 0;
  });
  if (is_padded) {
    Attributes attributes;
    attributes.pads = std::move(added);
    y = f.Apply(OpCode::kPad, {y, f.Scalar(y, 0.0)}, std::move(attributes));
  }
  return f.Return({AddBias(node, f, y)});
}

constexpr NamedConverter kConverters[] = {
    {"Conv", Conv},
    {"ConvTranspose", ConvTranspose},
};

}  // namespace

absl::Span<const NamedConverter> ConvolutionConverters() { return kConverters; }

}  // namespace rnnserve
