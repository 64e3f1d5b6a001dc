// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CONVOLUTION_H_
#define RNNSERVE_CORE_CELLS_CONVOLUTION_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// The geometry of a convolution along one spatial axis. For each k in [0, kernel), output o sees
// the input at
//
//   o * stride + k * dilation - padding_before
//
// where an input outside [0, input) counts as zero. By default the axis has one element.
struct ConvolutionAxis {
  int64_t input = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t output = 1;
  int64_t padding_before = 0;

  // Return an axis that is padded as in TensorFlow. "valid": no padding; `output` is 0 if the
  // kernel does not fit. "same": output = ceil(input / stride); if the number of zeros is odd, the
  // extra one goes after the input. REQUIRES: all numbers are in [1, 2^31 - 1].
  static ConvolutionAxis Valid(int64_t input, int64_t kernel, int64_t stride, int64_t dilation);
  static ConvolutionAxis Same(int64_t input, int64_t kernel, int64_t stride, int64_t dilation);
};

// The memory layout of an image with up to three spatial axes. Positions are counted row-major over
// the spatial axes.
struct ImageLayout {
  int64_t num_positions = 0;
  int64_t num_channels = 0;
  bool channels_first = false;

  int64_t position_stride() const { return channels_first ? 1 : num_channels; }
  int64_t channel_stride() const { return channels_first ? num_positions : 1; }
};

// Turns a convolution over one to three spatial axes into a matrix product. The inputs that one
// output position sees become a column, called a patch, in the order of a Keras kernel
// [k_1, .., k_n, channels, units]:
//
//   image [4, 4, C]     position (0, 1), kernel 2 x 2      patch
//     . 1 2 .                                              [1][2][3][4]   each of C values
//     . 3 4 .
//
// so that the output at the position is kernel^T patch. Immutable; safe to share.
class Convolution {
 public:
  static constexpr int kAxesMax = 3;

  // REQUIRES: there are 1 to kAxesMax axes, each with at least one output.
  Convolution(absl::Span<const ConvolutionAxis> axes, int64_t num_channels, bool channels_first);

  const ImageLayout& input() const { return input_; }
  // Returns the number of positions of the output.
  int64_t num_outputs() const { return num_outputs_; }
  // Returns the number of values of one patch: kernel elements times channels.
  int64_t patch_size() const { return patch_size_; }

  // Writes the patches of the output positions [first, first + patches.cols), one for each column.
  // `image` has the layout input(). REQUIRES: patches has patch_size() rows, and the positions are
  // below num_outputs().
  void Patches(const float* image, int64_t first, Columns patches) const;

 private:
  void Patch(const float* image, int64_t output, float* patch) const;
  // Writes the channels of one input position, or zeros if `position` is negative. Returns the end
  // of what it wrote.
  float* Channels(const float* image, int64_t position, float* patch) const;

  // Always kAxesMax axes: the axes that were not given come first, with one element each.
  std::array<ConvolutionAxis, kAxesMax> axes_;
  ImageLayout input_;
  int64_t num_outputs_ = 1;
  int64_t patch_size_ = 1;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CONVOLUTION_H_
