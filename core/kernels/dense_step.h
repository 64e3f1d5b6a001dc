// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_DENSE_STEP_H_
#define RNNSERVE_CORE_KERNELS_DENSE_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// y := act(start + W x + R h) in one pass over the weights: a step of a SimpleRNN, and, without R,
// of a Dense layer. Both matrices have one block.
struct DenseStepArguments {
  const Matrix& kernel;                      // [input, units]
  const Matrix* recurrent_kernel = nullptr;  // [units, units], or null
  Activation activation = Activation::kLinear;
  // What the sums begin with: the bias for every column, or x K + b if that is known, and then x
  // has no rows.
  ConstColumns start;  // [units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch], if there is R
  // Does not overlap an input.
  Columns y;
  Team* team = nullptr;  // shares the step if it is worth it; null: the caller alone
};

// REQUIRES: HasStepKernels(activation, activation).
void DenseStep(const DenseStepArguments& step);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_DENSE_STEP_H_
