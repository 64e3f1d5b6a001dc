// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/simple_rnn_cell.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/kernels/dense_step.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/product.h"

namespace rnnserve {

absl::StatusOr<std::unique_ptr<Cell>> SimpleRnnCell::Create(const CellRegistry& /*registry*/,
                                                            const KerasConfig& config,
                                                            const Shape& input_shape,
                                                            WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options, KerasCellOptions::Read(config, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(const auto dropouts, CellDropouts::ReadSimple(config));
  RNNSERVE_ASSIGN_OR_RETURN(
      const auto cell_weights,
      KerasCellWeights::Read(options, /*gates=*/1, Shape({options.units}), weights));
  return std::unique_ptr<Cell>(new SimpleRnnCell(options, dropouts, cell_weights));
}

SimpleRnnCell::SimpleRnnCell(const KerasCellOptions& options, const CellDropouts& dropouts,
                             const KerasCellWeights& weights)
    : Cell({.input = {options.input_size},
            .output = {options.units},
            .states = {{"h", {options.units}}},
            .constants = {}}),
      dropouts_(dropouts),
      activation_(options.activation),
      num_parameters_(weights.num_parameters()),
      kernel_(weights.kernel, options.input_size, 1, options.units, weights.matrix_type),
      recurrent_kernel_(weights.recurrent_kernel, options.units, 1, options.units,
                        weights.matrix_type),
      bias_(PackBias(weights.bias, 1, options.units)) {}

int64_t SimpleRnnCell::parameter_bytes() const {
  return kernel_.bytes() + recurrent_kernel_.bytes() + bias_.size() * int64_t{sizeof(float)};
}

int64_t SimpleRnnCell::shareable_bytes() const {
  if (!HasStepKernels(activation_, activation_)) return 0;
  return ShareableBytes(kernel_.bytes() + recurrent_kernel_.bytes());
}

int64_t SimpleRnnCell::scratch_size(int64_t batch) const {
  return std::max(dropouts_.input.scratch_size(kernel_.input_size(), batch),
                  dropouts_.state.scratch_size(kernel_.units(), batch));
}

void SimpleRnnCell::Project(ConstColumns x, Columns projection) const {
  Affine(kernel_, bias_, x, projection);
}

void SimpleRnnCell::Step(const CellStep& step) const {
  const bool is_projected = step.projection.data != nullptr;
  if (!dropouts_.ActIn(step.training) && HasStepKernels(activation_, activation_)) {
    DenseStep({.kernel = kernel_,
               .recurrent_kernel = &recurrent_kernel_,
               .activation = activation_,
               .start = is_projected ? step.projection
                                     : EveryColumn(bias_.data(), kernel_.units(), step.y.cols),
               .x = is_projected ? ConstColumns() : step.x,
               .h = step.state[0],
               .y = step.y,
               .team = step.team});
    return Copy(step.y, step.next_state[0]);
  }
  if (is_projected) {
    Copy(step.projection, step.y);
  } else {
    dropouts_.input.Affine(kernel_, bias_, step.training, step.x, step.scratch, step.y);
  }
  dropouts_.state.AddProduct(recurrent_kernel_, step.training, step.state[0], step.scratch, step.y);
  Activate(activation_, step.y);
  Copy(step.y, step.next_state[0]);
}

}  // namespace rnnserve
