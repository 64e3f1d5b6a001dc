// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_KERAS_CELL_OPTIONS_H_
#define RNNSERVE_CORE_CELLS_KERAS_CELL_OPTIONS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/cells/cell_dropout.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"

namespace rnnserve {

// The options that SimpleRNNCell, LSTMCell and GRUCell share and that matter after training.
// Initializers, regularizers, constraints, seed and unit_forget_bias only matter for training and
// are not read. A value type.
struct KerasCellOptions {
  int64_t input_size = 0;
  int64_t units = 0;
  int gates = 1;  // the blocks of each kernel, one for each gate; 1 for SimpleRNNCell
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  bool use_bias = true;
  CellDropouts dropouts;

  // Reads the options of a cell with `gates` gates. Their number also decides which of Keras' rules
  // for dropout applies (CellDropouts::ReadSimple or ReadGated). Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG, if an option is wrong or the input is not a vector; UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED, for a dtype other than float32.
  static absl::StatusOr<KerasCellOptions> Read(const KerasConfig& config, const Shape& input_shape,
                                               int gates);
};

// Returns the length of the vectors that a cell reads. Errors: INVALID_ARGUMENT, reason
// MODEL_CONFIG, naming the cell, if the input is not a vector.
absl::StatusOr<int64_t> VectorInputSize(const KerasConfig& config, const Shape& input_shape);

// The weights of a cell with the gates side by side, row-major as Keras stores them. Views into a
// WeightSource; they must not be kept.
struct KerasCellWeights {
  absl::Span<const float> kernel;            // [input_size, gates * units]
  absl::Span<const float> recurrent_kernel;  // [units, gates * units]
  absl::Span<const float> bias;              // [bias_shape]; empty without use_bias
  WeightType matrix_type = WeightType::kFloat32;

  // Reads the weights. Errors: those of WeightSource::Weight.
  static absl::StatusOr<KerasCellWeights> Read(const KerasCellOptions& options,
                                               const Shape& bias_shape, WeightSource& weights);

  int64_t num_parameters() const {
    return static_cast<int64_t>(kernel.size() + recurrent_kernel.size() + bias.size());
  }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_KERAS_CELL_OPTIONS_H_
