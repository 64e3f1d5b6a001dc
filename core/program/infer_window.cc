// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The shapes of convolutions and pools.

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/program/infer_values.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

constexpr int kSpatialAxesMax = 2;

// Every number of a window is at most this, so that products and sums of a few cannot overflow.
constexpr int64_t kNumberMax = int64_t{1} << 22;
static_assert(kNumberMax >= kProgramElementsMax);

absl::Status CheckSpatial(absl::string_view name, const std::vector<int64_t>& numbers, size_t count,
                          int64_t least) {
  if (numbers.size() != count) {
    return InvalidProgram(absl::StrCat(name, " has ", numbers.size(),
                                       " entries; it needs one for each of the ", count,
                                       " spatial axes"));
  }
  for (const int64_t number : numbers) {
    if (number >= least && number <= kNumberMax) continue;
    return InvalidProgram(
        absl::StrCat(name, " has ", number, "; it must be from ", least, " to ", kNumberMax));
  }
  return absl::OkStatus();
}

absl::Status CheckWindow(const Attributes::Window& window, size_t count) {
  RNNSERVE_RETURN_IF_ERROR(CheckSpatial("strides", window.strides, count, 1));
  RNNSERVE_RETURN_IF_ERROR(CheckSpatial("dilations", window.dilations, count, 1));
  std::vector<int64_t> low, high;
  for (const Attributes::Pad& pad : window.pads) {
    low.push_back(pad.low);
    high.push_back(pad.high);
  }
  RNNSERVE_RETURN_IF_ERROR(CheckSpatial("pads", low, count, 0));
  return CheckSpatial("pads", high, count, 0);
}

// Returns the extent of what a convolution or pool makes of `extent` elements along spatial axis i.
absl::StatusOr<int64_t> ReducedExtent(int64_t extent, int64_t size,
                                      const Attributes::Window& window, size_t i) {
  const int64_t reach = (size - 1) * window.dilations[i] + 1;
  const int64_t padded = extent + window.pads[i].low + window.pads[i].high;
  if (padded >= reach) return (padded - reach) / window.strides[i] + 1;
  return InvalidProgram(absl::StrCat("along spatial axis ", i, ", the window reaches over ", reach,
                                     " elements, but with its padding the operand has ", padded));
}

// Inverts ReducedExtent.
absl::StatusOr<int64_t> EnlargedExtent(int64_t extent, int64_t size,
                                       const Attributes::Window& window, size_t i) {
  const int64_t output_pad = window.output_pads[i];
  if (output_pad >= std::max(window.strides[i], window.dilations[i])) {
    return InvalidProgram(absl::StrCat("output_pads has ", output_pad,
                                       "; it must be less than the stride or the dilation"));
  }
  const int64_t full = (extent - 1) * window.strides[i] + (size - 1) * window.dilations[i] + 1;
  const int64_t result = full + output_pad - window.pads[i].low - window.pads[i].high;
  if (result >= 1) return result;
  return InvalidProgram(
      absl::StrCat("along spatial axis ", i, ", the pads leave nothing of ", full, " elements"));
}

absl::Status CheckGroups(int64_t groups, int64_t channels, int64_t kernel_channels, bool divides,
                         absl::string_view expected) {
  if (groups >= 1 && groups <= kNumberMax && divides) return absl::OkStatus();
  return InvalidProgram(absl::StrCat("with ", groups, " groups, ", channels,
                                     " channels do not fit a kernel of ", kernel_channels, " ",
                                     expected));
}

absl::StatusOr<Shape> InferConvolution(const Attributes::Window& window, const Shape& shape,
                                       const Shape& kernel, bool is_transposed) {
  if (kernel.rank() != shape.rank() + 1) {
    return InvalidProgram(absl::StrCat("the kernel has the shape ", kernel.ToString(),
                                       "; it must have one axis more than the first operand, ",
                                       shape.ToString(), ": two of channels, then its size"));
  }
  const int64_t groups = window.groups;
  std::vector<int64_t> extents;
  if (is_transposed) {
    RNNSERVE_RETURN_IF_ERROR(CheckGroups(
        groups, shape[0], kernel[0], groups >= 1 && shape[0] == kernel[0] && shape[0] % groups == 0,
        "input channels (its first axis); they must be equal, and a multiple of groups"));
    const auto channels = CheckedMultiply(kernel[1], groups);
    if (!channels.has_value()) return TooLarge("the result has more than 2^63 channels");
    extents.push_back(*channels);
  } else {
    const auto channels = groups >= 1 ? CheckedMultiply(kernel[1], groups) : std::nullopt;
    RNNSERVE_RETURN_IF_ERROR(CheckGroups(
        groups, shape[0], kernel[1], channels == shape[0] && kernel[0] % groups == 0,
        "input channels a group (its second axis); the product of both must be the channels, and"
        " the kernel's first axis a multiple of groups"));
    extents.push_back(kernel[0]);
  }
  for (int axis = 1; axis < shape.rank(); ++axis) {
    const size_t i = static_cast<size_t>(axis - 1);
    const int64_t size = kernel[axis + 1];
    if (size > kNumberMax || shape[axis] > kNumberMax) {
      return TooLarge(absl::StrCat("a spatial axis has more than ", kNumberMax, " elements"));
    }
    RNNSERVE_ASSIGN_OR_RETURN(const int64_t extent,
                              is_transposed ? EnlargedExtent(shape[axis], size, window, i)
                                            : ReducedExtent(shape[axis], size, window, i));
    extents.push_back(extent);
  }
  return Shape(extents);
}

absl::StatusOr<Shape> InferPool(const Attributes::Window& window, const Shape& shape,
                                size_t spatial_axes) {
  RNNSERVE_RETURN_IF_ERROR(CheckSpatial("size", window.size, spatial_axes, 1));
  std::vector<int64_t> extents = {shape[0]};
  for (int axis = 1; axis < shape.rank(); ++axis) {
    const size_t i = static_cast<size_t>(axis - 1);
    const int64_t reach = (window.size[i] - 1) * window.dilations[i] + 1;
    if (std::max(window.pads[i].low, window.pads[i].high) >= reach) {
      return InvalidProgram(absl::StrCat(
          "along spatial axis ", i, ", the pads [", window.pads[i].low, ", ", window.pads[i].high,
          "] must be smaller than the window, which reaches over ", reach, " elements"));
    }
    if (shape[axis] > kNumberMax) {
      return TooLarge(absl::StrCat("a spatial axis has more than ", kNumberMax, " elements"));
    }
    RNNSERVE_ASSIGN_OR_RETURN(const int64_t extent,
                              ReducedExtent(shape[axis], window.size[i], window, i));
    extents.push_back(extent);
  }
  return Shape(extents);
}

}  // namespace

absl::StatusOr<Shape> InferWindow(OpCode code, const Attributes& attributes,
                                  OperandValues operands) {
  const Attributes::Window& window = attributes.window;
  const Shape& shape = operands[0]->shape;
  if (shape.rank() < 2 || shape.rank() > 1 + kSpatialAxesMax) {
    return InvalidProgram(absl::StrCat("the first operand has the shape ", shape.ToString(),
                                       "; it must be [channels, one or two spatial axes]"));
  }
  const size_t spatial_axes = static_cast<size_t>(shape.rank() - 1);
  RNNSERVE_RETURN_IF_ERROR(CheckWindow(window, spatial_axes));
  const bool is_transposed = code == OpCode::kConvTranspose;
  if (is_transposed) {
    RNNSERVE_RETURN_IF_ERROR(CheckSpatial("output_pads", window.output_pads, spatial_axes, 0));
  }
  if (code == OpCode::kConv || is_transposed) {
    return InferConvolution(window, shape, operands[1]->shape, is_transposed);
  }
  return InferPool(window, shape, spatial_axes);
}

}  // namespace rnnserve
