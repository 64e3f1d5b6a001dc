// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_DENSE_STEP_H_
#define RNNSERVE_CORE_KERNELS_DENSE_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The arguments of y := act(start + W x + R h): a step of a SimpleRNN or, without R, of a Dense
// layer. Both matrices have one block.
struct DenseStepArguments {
  const Matrix& kernel;                      // [input, units]
  const Matrix* recurrent_kernel = nullptr;  // [units, units], or null
  Activation activation = Activation::kLinear;
  // The values that the sums start with: the bias for every column. If the caller has projected x,
  // they are x K + b instead, and x has no rows.
  ConstColumns start;  // [units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch] if there is an R
  // Must not overlap an input.
  Columns y;
  Team* team = nullptr;  // shares a large step; null: the calling thread computes it alone
};

// Computes the step in one pass over the weights. REQUIRES: HasStepKernels(activation, activation).
void DenseStep(const DenseStepArguments& step);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_DENSE_STEP_H_
