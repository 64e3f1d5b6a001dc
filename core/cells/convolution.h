// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CONVOLUTION_H_
#define RNNSERVE_CORE_CELLS_CONVOLUTION_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// Along one spatial axis: which inputs each output sees. Output o sees, for k in [0, kernel), the
// input at
//
//   o * stride + k * dilation - padding_before
//
// where an input outside [0, input) counts as zero. The defaults are an axis of one element.
struct ConvolutionAxis {
  int64_t input = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t output = 1;
  int64_t padding_before = 0;

  // The axis as TensorFlow pads it. "valid": no padding; `output` is not positive if the kernel
  // does not fit. "same": output = ceil(input / stride), and of an odd number of zeros the one more
  // stands behind. REQUIRES: all numbers are from 1 to 2^31 - 1.
  static ConvolutionAxis Valid(int64_t input, int64_t kernel, int64_t stride, int64_t dilation);
  static ConvolutionAxis Same(int64_t input, int64_t kernel, int64_t stride, int64_t dilation);
};

// Where the values of an image with up to three spatial axes lie in memory. The positions are
// counted row-major over the spatial axes.
struct ImageLayout {
  int64_t num_positions = 0;
  int64_t num_channels = 0;
  bool channels_first = false;

  int64_t position_stride() const { return channels_first ? 1 : num_channels; }
  int64_t channel_stride() const { return channels_first ? num_positions : 1; }
};

// Turns a convolution of one to three spatial axes into a matrix product: what one output position
// sees becomes a column, the patch, in the order of a Keras kernel [k_1, .., k_n, channels, units]:
//
//   image [4, 4, C]     position (0, 1), kernel 2 x 2      patch
//     . 1 2 .                                              [1][2][3][4]   each of C values
//     . 3 4 .
//
// so that the output at the position is kernel^T patch. Immutable; safe to share.
class Convolution {
 public:
  static constexpr int kAxesMax = 3;

  // REQUIRES: 1 to kAxesMax axes, each with an output.
  Convolution(absl::Span<const ConvolutionAxis> axes, int64_t num_channels, bool channels_first);

  const ImageLayout& input() const { return input_; }
  // The number of positions of the output.
  int64_t num_outputs() const { return num_outputs_; }
  // The values of one patch: kernel elements times channels.
  int64_t patch_size() const { return patch_size_; }

  // Writes the patches of the output positions [first, first + patches.cols), one a column.
  // `image` has the layout input(). REQUIRES: patches has patch_size() rows, and there are that
  // many positions.
  void Patches(const float* image, int64_t first, Columns patches) const;

 private:
  void Patch(const float* image, int64_t output, float* patch) const;
  // Writes the channels of one input position, or zeros if `position` is negative; returns the end.
  float* Channels(const float* image, int64_t position, float* patch) const;

  // Missing axes stand in front, with one element.
  std::array<ConvolutionAxis, kAxesMax> axes_;
  ImageLayout input_;
  int64_t num_outputs_ = 1;
  int64_t patch_size_ = 1;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CONVOLUTION_H_
