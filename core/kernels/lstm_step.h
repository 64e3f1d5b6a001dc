// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_LSTM_STEP_H_
#define RNNSERVE_CORE_KERNELS_LSTM_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The arguments of one step of an LSTM layer; cells/lstm_cell.h has the equations. Each block
// belongs to one gate; the blocks are in the order of kernels/gates.h: i f c o.
struct LstmStepArguments {
  const Matrix& kernel;            // [input, 4 * units]
  const Matrix& recurrent_kernel;  // [units, 4 * units]
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  // The values that the gate sums start with: the bias for every column. If the caller has
  // projected x, they are x K + b instead, and x has no rows.
  ConstColumns start;  // [4 blocks of units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch]
  ConstColumns c;      // [units, batch]
  // Must not overlap an input. y gets the same values as next_h.
  Columns next_h;
  Columns next_c;
  Columns y;
  Team* team = nullptr;  // shares a large step; null: the calling thread computes it alone
};

// Computes the step in one pass over the weights. REQUIRES: HasStepKernels(activation,
// recurrent_activation).
void LstmStep(const LstmStepArguments& step);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_LSTM_STEP_H_
