// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/vector_cell.h"

#include <algorithm>
#include <utility>

#include "core/kernels/elementwise.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/product.h"

namespace rnnserve {

VectorCell::VectorCell(const KerasCellOptions& options, const KerasCellWeights& weights,
                       Parts parts)
    : Cell({.input = {options.input_size},
            .output = {options.units},
            .states = std::move(parts.states),
            .constants = {}}),
      dropouts_(options.dropouts),
      activation_(options.activation),
      // A cell with one gate has no recurrent activation. It gets `activation` instead, so that
      // this alone decides whether there is a fused step.
      recurrent_activation_(options.gates == 1 ? options.activation : options.recurrent_activation),
      kernel_(weights.kernel, options.input_size, options.gates, options.units,
              weights.matrix_type),
      recurrent_kernel_(std::move(parts.recurrent_kernel)),
      bias_(std::move(parts.bias)),
      num_parameters_(weights.num_parameters()) {}

int64_t VectorCell::parameter_bytes() const {
  return kernel_.bytes() + recurrent_kernel_.bytes() + bias_.size() * int64_t{sizeof(float)};
}

int64_t VectorCell::shareable_bytes() const {
  return HasFusedStep() ? ShareableBytes(kernel_.bytes() + recurrent_kernel_.bytes()) : 0;
}

void VectorCell::Project(const CellProjection& project) const {
  Affine(kernel_, HasFusedStep() ? fused_bias() : bias_, project.x, project.projection);
}

void VectorCell::Step(const CellStep& step) const {
  if (dropouts_.ActIn(step.training) || !HasFusedStep()) {
    StepByGates(step);
  } else {
    FusedStep(step);
  }
}

bool VectorCell::HasFusedStep() const { return HasStepKernels(activation_, recurrent_activation_); }

ConstColumns VectorCell::FusedStart(const CellStep& step) const {
  if (step.projection.data != nullptr) return step.projection;
  return EveryColumn(fused_bias().data(), kernel_.output_rows(), step.y.cols);
}

ConstColumns VectorCell::FusedInput(const CellStep& step) {
  return step.projection.data != nullptr ? ConstColumns() : step.x;
}

void VectorCell::StartGates(const CellStep& step, float* scratch, Columns gates) const {
  if (step.projection.data != nullptr) {
    Copy(step.projection, gates);
  } else {
    dropouts_.input.Affine(kernel_, bias_, step.training, step.x, scratch, gates);
  }
}

int64_t VectorCell::dropout_scratch_size(int64_t batch) const {
  // One product runs after the other, so both dropouts use the same memory.
  return std::max(dropouts_.input.scratch_size(kernel_.input_size(), batch),
                  dropouts_.state.scratch_size(kernel_.units(), batch));
}

}  // namespace rnnserve
