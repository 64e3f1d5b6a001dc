// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_LSTM_STEP_H_
#define RNNSERVE_CORE_KERNELS_LSTM_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// One step of an LSTM layer in one pass over its weights; cells/lstm_cell.h has the equations. All
// blocks are gates in the order of kernels/gates.h: i f c o.
struct LstmStepArguments {
  const Matrix& kernel;            // [input, 4 * units]
  const Matrix& recurrent_kernel;  // [units, 4 * units]
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  // What the gate sums begin with: the bias for every column, or x K + b if that is known, and then
  // x has no rows.
  ConstColumns start;  // [4 blocks of units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch]
  ConstColumns c;      // [units, batch]
  // None overlaps an input. y is written as next_h is.
  Columns next_h;
  Columns next_c;
  Columns y;
  Team* team = nullptr;  // shares the step if it is worth it; null: the caller alone
};

// REQUIRES: HasStepKernels(activation, recurrent_activation).
void LstmStep(const LstmStepArguments& step);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_LSTM_STEP_H_
