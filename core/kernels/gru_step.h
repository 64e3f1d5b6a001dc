// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_GRU_STEP_H_
#define RNNSERVE_CORE_KERNELS_GRU_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// What both forms of a GRU step have; cells/gru_cell.h has the equations. Blocks are gates in the
// order of kernels/gates.h: z r h.
struct GruStepArguments {
  const Matrix& kernel;  // [input, 3 * units]
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  // What the gate sums begin with: the bias for every column, or x K + b if that is known, and then
  // x has no rows.
  ConstColumns start;  // [3 blocks of units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch]
  // Neither overlaps an input. y is written as next_h is.
  Columns next_h;
  Columns y;
  Team* team = nullptr;  // shares the step if it is worth it; null: the caller alone
};

// One step of a GRU layer with reset_after, in one pass over its weights. `start` holds the
// recurrent bias of z and r already; that of h is `candidate_bias`, padded to kColumnQuantum.
// REQUIRES: HasStepKernels(activation, recurrent_activation).
void GruStepResetAfter(const GruStepArguments& step, const Matrix& recurrent_kernel,  // 3 blocks
                       const float* candidate_bias);

// What the second pass of GruStepResetBefore needs of the first, [units, batch] each.
struct GruScratch {
  Columns z;
  Columns reset_h;         // rec(r) * h
  Columns candidate_of_x;  // x K_h + b_h
};

// One step of a GRU layer without reset_after: z and r of all units come before the candidates, so
// there are two passes, the first over `kernel` and `gate_recurrent_kernel`. REQUIRES: as above.
void GruStepResetBefore(const GruStepArguments& step,
                        const Matrix& gate_recurrent_kernel,       // [units, 2 * units]: z r
                        const Matrix& candidate_recurrent_kernel,  // [units, units]
                        const GruScratch& scratch);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_GRU_STEP_H_
