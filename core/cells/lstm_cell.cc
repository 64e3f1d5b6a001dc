// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/lstm_cell.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/gates.h"
#include "core/kernels/lstm_step.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/product.h"

namespace rnnserve {

absl::StatusOr<std::unique_ptr<Cell>> LstmCell::Create(const CellRegistry& /*registry*/,
                                                       const KerasConfig& config,
                                                       const Shape& input_shape,
                                                       WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options, KerasCellOptions::Read(config, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(const auto dropouts, CellDropouts::ReadGated(config));
  RNNSERVE_ASSIGN_OR_RETURN(
      const auto cell_weights,
      KerasCellWeights::Read(options, lstm_gate::kCount, Shape({lstm_gate::kCount * options.units}),
                             weights));
  return std::unique_ptr<Cell>(new LstmCell(options, dropouts, cell_weights));
}

LstmCell::LstmCell(const KerasCellOptions& options, const CellDropouts& dropouts,
                   const KerasCellWeights& weights)
    : Cell({.input = {options.input_size},
            .output = {options.units},
            .states = {{"h", {options.units}}, {"c", {options.units}}},
            .constants = {}}),
      dropouts_(dropouts),
      activation_(options.activation),
      recurrent_activation_(options.recurrent_activation),
      num_parameters_(weights.num_parameters()),
      kernel_(weights.kernel, options.input_size, lstm_gate::kCount, options.units,
              weights.matrix_type),
      recurrent_kernel_(weights.recurrent_kernel, options.units, lstm_gate::kCount, options.units,
                        weights.matrix_type),
      bias_(PackBias(weights.bias, lstm_gate::kCount, options.units)) {}

int64_t LstmCell::parameter_bytes() const {
  return kernel_.bytes() + recurrent_kernel_.bytes() + bias_.size() * int64_t{sizeof(float)};
}

int64_t LstmCell::shareable_bytes() const {
  if (!HasStepKernels(activation_, recurrent_activation_)) return 0;
  return ShareableBytes(kernel_.bytes() + recurrent_kernel_.bytes());
}

int64_t LstmCell::scratch_size(int64_t batch) const {
  return ColumnsSize(kernel_.output_rows(), batch) +
         std::max(dropouts_.input.scratch_size(kernel_.input_size(), batch),
                  dropouts_.state.scratch_size(kernel_.units(), batch));
}

void LstmCell::Project(ConstColumns x, Columns projection) const {
  Affine(kernel_, bias_, x, projection);
}

void LstmCell::Step(const CellStep& step) const {
  if (dropouts_.ActIn(step.training) || !HasStepKernels(activation_, recurrent_activation_)) {
    return StepByGates(step);
  }
  const bool is_projected = step.projection.data != nullptr;
  LstmStep({.kernel = kernel_,
            .recurrent_kernel = recurrent_kernel_,
            .activation = activation_,
            .recurrent_activation = recurrent_activation_,
            .start = is_projected ? step.projection
                                  : EveryColumn(bias_.data(), bias_.size(), step.y.cols),
            .x = is_projected ? ConstColumns() : step.x,
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
  if (step.projection.data != nullptr) {
    Copy(step.projection, gates);
  } else {
    dropouts_.input.Affine(kernel_, bias_, step.training, step.x, scratch, gates);
  }
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
