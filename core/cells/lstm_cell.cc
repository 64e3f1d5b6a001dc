// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/lstm_cell.h"

#include "core/base/status_macros.h"
#include "core/kernels/gates.h"
#include "core/kernels/lstm_step.h"

namespace rnnserve {

absl::StatusOr<std::unique_ptr<Cell>> LstmCell::Create(const CellRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const Shape& input_shape,
                                                       WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options,
                            KerasCellOptions::Read(config, input_shape, lstm_gate::kCount));
  const Shape bias_shape({lstm_gate::kCount * options.units});
  RNNSERVE_ASSIGN_OR_RETURN(const auto cell_weights,
                            KerasCellWeights::Read(options, bias_shape, weights));
  return std::unique_ptr<Cell>(new LstmCell(options, cell_weights));
}

LstmCell::LstmCell(const KerasCellOptions& options, const KerasCellWeights& weights)
    : VectorCell(options, weights,
                 {.states = {{"h", {options.units}}, {"c", {options.units}}},
                  .recurrent_kernel = Matrix(weights.recurrent_kernel, options.units, options.gates,
                                             options.units, weights.matrix_type),
                  .bias = PackBias(weights.bias, options.gates, options.units)}) {}

int64_t LstmCell::scratch_size(int64_t batch) const {
  return ColumnsSize(kernel_.output_rows(), batch) + dropout_scratch_size(batch);
}

void LstmCell::FusedStep(const CellStep& step) const {
  LstmStep({.kernel = kernel_,
            .recurrent_kernel = recurrent_kernel_,
            .activation = activation_,
            .recurrent_activation = recurrent_activation_,
            .start = FusedStart(step),
            .x = FusedInput(step),
            .h = step.state[0],
            .c = step.state[1],
            .next_h = step.next_state[0],
            .next_c = step.next_state[1],
            .y = step.y,
            .team = step.team});
}

void LstmCell::StepByGates(const CellStep& step) const {
  const ConstColumns h = step.state[0];
  const ConstColumns c = step.state[1];
  const Columns next_h = step.next_state[0];
  const Columns next_c = step.next_state[1];

  float* scratch = step.scratch;
  const Columns gates = TakeColumns(scratch, kernel_.output_rows(), step.y.cols);
  StartGates(step, scratch, gates);
  dropouts_.state.AddProduct(recurrent_kernel_, step.training, h, scratch, gates);

  const int64_t units = kernel_.units();
  const Columns i = gates.Block(lstm_gate::kInput, units);
  const Columns f = gates.Block(lstm_gate::kForget, units);
  const Columns g = gates.Block(lstm_gate::kCandidate, units);
  const Columns o = gates.Block(lstm_gate::kOutput, units);
  Activate(recurrent_activation_, i);
  Activate(recurrent_activation_, f);
  Activate(activation_, g);
  Activate(recurrent_activation_, o);

  for (int64_t b = 0; b < gates.cols; ++b) {
    next_c.padded(b) = f.padded(b) * c.padded(b) + i.padded(b) * g.padded(b);
    next_h.padded(b) = next_c.padded(b);
  }
  Activate(activation_, next_h);
  for (int64_t b = 0; b < gates.cols; ++b) next_h.padded(b) *= o.padded(b);
  Copy(next_h, step.y);
}

}  // namespace rnnserve
