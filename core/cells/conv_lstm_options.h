// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CONV_LSTM_OPTIONS_H_
#define RNNSERVE_CORE_CELLS_CONV_LSTM_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/shape.h"
#include "core/cells/convolution.h"
#include "core/keras/keras_config.h"

namespace rnnserve {

// The options of the cell of Keras' ConvLSTM1D, ConvLSTM2D and ConvLSTM3D that matter after
// training, and the geometry that follows from them for a known input shape. Initializers,
// regularizers, constraints and seed only matter for training and are not read. For dropout see
// CellDropouts. A value type.
struct ConvLstmOptions {
  Shape input_shape;  // of one timestep
  int64_t filters = 0;
  int64_t channels = 0;               // of the input
  std::vector<ConvolutionAxis> axes;  // of the convolution of the input
  bool channels_first = false;
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  bool use_bias = true;

  // Reads the options of a cell with `num_axes` spatial axes. Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG, if an option is wrong, if strides and dilation_rate are both above 1, or if the
  // input has the wrong number of axes or is smaller than the kernel; UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED, for a dtype policy that KerasConfig refuses, and for an activation over a
  // vector (softmax, ...) with channels_first, which Keras would apply over the last spatial axis.
  static absl::StatusOr<ConvLstmOptions> Read(const KerasConfig& config, int num_axes,
                                              const Shape& input_shape);

  // Returns the shape of the output and of both states.
  Shape output_shape() const;
  // Returns [k_1, .., k_n, input_channels, 4 * filters].
  Shape kernel_shape(int64_t input_channels) const;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CONV_LSTM_OPTIONS_H_
