// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/minimal_rnn_cell.h"

#include "core/base/status_macros.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/product.h"

namespace rnnserve {

absl::StatusOr<std::unique_ptr<Cell>> MinimalRnnCell::Create(const CellRegistry& /*registry*/,
                                                             const KerasConfig& config,
                                                             const Shape& input_shape,
                                                             WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t input_size, VectorInputSize(config, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t units, config.PositiveInt("units"));
  RNNSERVE_ASSIGN_OR_RETURN(const auto kernel, weights.Weight("kernel", {input_size, units}));
  RNNSERVE_ASSIGN_OR_RETURN(const auto recurrent_kernel,
                            weights.Weight("recurrent_kernel", {units, units}));
  return std::unique_ptr<Cell>(new MinimalRnnCell(kernel, recurrent_kernel, input_size, units));
}

MinimalRnnCell::MinimalRnnCell(absl::Span<const float> kernel,
                               absl::Span<const float> recurrent_kernel, int64_t input_size,
                               int64_t units)
    : Cell({.input = {input_size}, .output = {units}, .states = {{"h", {units}}}, .constants = {}}),
      kernel_(kernel, input_size, 1, units),
      recurrent_kernel_(recurrent_kernel, units, 1, units),
      no_bias_(PackBias({}, 1, units)) {}

int64_t MinimalRnnCell::num_parameters() const {
  return (input_size() + output_size()) * output_size();
}

void MinimalRnnCell::Step(const CellStep& step) const {
  Affine(kernel_, no_bias_, step.x, step.y);
  AddProduct(recurrent_kernel_, step.state[0], step.y);
  Copy(step.y, step.next_state[0]);
}

}  // namespace rnnserve
