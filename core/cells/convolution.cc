// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/convolution.h"

#include <algorithm>
#include <cassert>

namespace rnnserve {
namespace {

// Returns the number of inputs from the first to the last one that an output sees, both included.
int64_t Reach(int64_t kernel, int64_t dilation) { return (kernel - 1) * dilation + 1; }

// Returns the input that output `o` sees through kernel element `k`, or -1 if it is padding.
int64_t InputOf(const ConvolutionAxis& axis, int64_t o, int64_t k) {
  const int64_t i = o * axis.stride + k * axis.dilation - axis.padding_before;
  return i < axis.input ? std::max<int64_t>(i, -1) : -1;
}

}  // namespace

ConvolutionAxis ConvolutionAxis::Valid(int64_t input, int64_t kernel, int64_t stride,
                                       int64_t dilation) {
  const int64_t room = input - Reach(kernel, dilation);
  return {input, kernel, stride, dilation, room < 0 ? 0 : room / stride + 1, 0};
}

ConvolutionAxis ConvolutionAxis::Same(int64_t input, int64_t kernel, int64_t stride,
                                      int64_t dilation) {
  const int64_t output = (input + stride - 1) / stride;
  const int64_t padding = (output - 1) * stride + Reach(kernel, dilation) - input;
  return {input, kernel, stride, dilation, output, std::max<int64_t>(padding, 0) / 2};
}

Convolution::Convolution(absl::Span<const ConvolutionAxis> axes, int64_t num_channels,
                         bool channels_first)
    : input_{.num_positions = 1, .num_channels = num_channels, .channels_first = channels_first},
      patch_size_(num_channels) {
  assert(!axes.empty() && axes.size() <= axes_.size());
  std::copy(axes.begin(), axes.end(), axes_.end() - axes.size());
  for (const ConvolutionAxis& axis : axes_) {
    input_.num_positions *= axis.input;
    num_outputs_ *= axis.output;
    patch_size_ *= axis.kernel;
  }
}

void Convolution::Patches(const float* image, int64_t first, Columns patches) const {
  for (int64_t b = 0; b < patches.cols; ++b) Patch(image, first + b, patches.column(b));
}

void Convolution::Patch(const float* image, int64_t output, float* patch) const {
  const int64_t o2 = output % axes_[2].output;
  const int64_t o1 = output / axes_[2].output % axes_[1].output;
  const int64_t o0 = output / axes_[2].output / axes_[1].output;
  for (int64_t k0 = 0; k0 < axes_[0].kernel; ++k0) {
    const int64_t i0 = InputOf(axes_[0], o0, k0);
    for (int64_t k1 = 0; k1 < axes_[1].kernel; ++k1) {
      const int64_t i1 = InputOf(axes_[1], o1, k1);
      for (int64_t k2 = 0; k2 < axes_[2].kernel; ++k2) {
        const int64_t i2 = InputOf(axes_[2], o2, k2);
        const bool is_padding = i0 < 0 || i1 < 0 || i2 < 0;
        patch = Channels(image, is_padding ? -1 : (i0 * axes_[1].input + i1) * axes_[2].input + i2,
                         patch);
      }
    }
  }
}

float* Convolution::Channels(const float* image, int64_t position, float* patch) const {
  if (position < 0) return std::fill_n(patch, input_.num_channels, 0.0f);
  const float* value = image + position * input_.position_stride();
  for (int64_t channel = 0; channel < input_.num_channels; ++channel) {
    *patch++ = *value;
    value += input_.channel_stride();
  }
  return patch;
}

}  // namespace rnnserve
