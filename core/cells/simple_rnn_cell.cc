// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/simple_rnn_cell.h"

#include "core/base/status_macros.h"
#include "core/kernels/dense_step.h"

namespace rnnserve {

absl::StatusOr<std::unique_ptr<Cell>> SimpleRnnCell::Create(const CellRegistry& /*registry*/,
                                                            const KerasConfig& config,
                                                            const Shape& input_shape,
                                                            WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options,
                            KerasCellOptions::Read(config, input_shape, /*gates=*/1));
  RNNSERVE_ASSIGN_OR_RETURN(const auto cell_weights,
                            KerasCellWeights::Read(options, Shape({options.units}), weights));
  return std::unique_ptr<Cell>(new SimpleRnnCell(options, cell_weights));
}

SimpleRnnCell::SimpleRnnCell(const KerasCellOptions& options, const KerasCellWeights& weights)
    : VectorCell(options, weights,
                 {.states = {{"h", {options.units}}},
                  .recurrent_kernel = Matrix(weights.recurrent_kernel, options.units, options.gates,
                                             options.units, weights.matrix_type),
                  .bias = PackBias(weights.bias, options.gates, options.units)}) {}

void SimpleRnnCell::FusedStep(const CellStep& step) const {
  DenseStep({.kernel = kernel_,
             .recurrent_kernel = &recurrent_kernel_,
             .activation = activation_,
             .start = FusedStart(step),
             .x = FusedInput(step),
             .h = step.state[0],
             .y = step.y,
             .team = step.team});
  Copy(step.y, step.next_state[0]);
}

void SimpleRnnCell::StepByGates(const CellStep& step) const {
  StartGates(step, step.scratch, step.y);
  dropouts_.state.AddProduct(recurrent_kernel_, step.training, step.state[0], step.scratch, step.y);
  Activate(activation_, step.y);
  Copy(step.y, step.next_state[0]);
}

}  // namespace rnnserve
