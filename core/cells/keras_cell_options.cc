// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/keras_cell_options.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {

absl::StatusOr<KerasCellOptions> KerasCellOptions::Read(const KerasConfig& config,
                                                        const Shape& input_shape, int gates) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  KerasCellOptions options;
  options.gates = gates;
  RNNSERVE_ASSIGN_OR_RETURN(options.input_size, VectorInputSize(config, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(options.units, config.PositiveInt("units"));
  RNNSERVE_ASSIGN_OR_RETURN(options.activation,
                            config.ActivationOr("activation", options.activation));
  RNNSERVE_ASSIGN_OR_RETURN(
      options.recurrent_activation,
      config.ActivationOr("recurrent_activation", options.recurrent_activation));
  RNNSERVE_ASSIGN_OR_RETURN(options.use_bias, config.Bool("use_bias", options.use_bias));
  RNNSERVE_ASSIGN_OR_RETURN(options.dropouts, gates == 1 ? CellDropouts::ReadSimple(config)
                                                         : CellDropouts::ReadGated(config));
  return options;
}

absl::StatusOr<int64_t> VectorInputSize(const KerasConfig& config, const Shape& input_shape) {
  if (input_shape.rank() != 1 || input_shape[0] < 1) {
    return config.Error(absl::StrCat("it reads one vector a timestep, but a timestep of its input",
                                     " has shape ", input_shape.ToString()));
  }
  return input_shape[0];
}

absl::StatusOr<KerasCellWeights> KerasCellWeights::Read(const KerasCellOptions& options,
                                                        const Shape& bias_shape,
                                                        WeightSource& weights) {
  const int64_t columns = options.gates * options.units;
  KerasCellWeights read;
  read.matrix_type = weights.matrix_type();
  RNNSERVE_ASSIGN_OR_RETURN(read.kernel, weights.Weight("kernel", {options.input_size, columns}));
  RNNSERVE_ASSIGN_OR_RETURN(read.recurrent_kernel,
                            weights.Weight("recurrent_kernel", {options.units, columns}));
  if (options.use_bias) {
    RNNSERVE_ASSIGN_OR_RETURN(read.bias, weights.Weight("bias", bias_shape));
  }
  return read;
}

}  // namespace rnnserve
