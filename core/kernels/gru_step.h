// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_GRU_STEP_H_
#define RNNSERVE_CORE_KERNELS_GRU_STEP_H_

#include "core/base/team.h"
#include "core/kernels/activation.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The arguments that both forms of a GRU step share; cells/gru_cell.h has the equations. Blocks are
// gates in the order of kernels/gates.h: z r h.
struct GruStepArguments {
  const Matrix& kernel;  // [input, 3 * units]
  Activation activation = Activation::kTanh;
  Activation recurrent_activation = Activation::kSigmoid;
  // The values that the gate sums start with: the bias for every column. If the caller has
  // projected x, they are x K + b instead, and x has no rows.
  ConstColumns start;  // [3 blocks of units, batch]
  ConstColumns x;      // [input, batch]
  ConstColumns h;      // [units, batch]
  // Must not overlap an input. y gets the same values as next_h.
  Columns next_h;
  Columns y;
  Team* team = nullptr;  // shares a large step; null: the calling thread computes it alone
};

// Computes one step of a GRU layer with reset_after in one pass over its weights. `start` includes
// the recurrent bias of z and r; the recurrent bias of h is `candidate_bias`, padded to
// kColumnQuantum. REQUIRES: HasStepKernels(activation, recurrent_activation).
void GruStepResetAfter(const GruStepArguments& step, const Matrix& recurrent_kernel,  // 3 blocks
                       const float* candidate_bias);

// The results of the first pass of GruStepResetBefore that its second pass needs, [units, batch]
// each.
struct GruScratch {
  Columns z;
  Columns reset_h;         // rec(r) * h
  Columns candidate_of_x;  // x K_h + b_h
};

// Computes one step of a GRU layer without reset_after. A candidate needs r of all units, so there
// are two passes: the first reads `kernel` and `gate_recurrent_kernel`, the second
// `candidate_recurrent_kernel`. REQUIRES: as above.
void GruStepResetBefore(const GruStepArguments& step,
                        const Matrix& gate_recurrent_kernel,       // [units, 2 * units]: z r
                        const Matrix& candidate_recurrent_kernel,  // [units, units]
                        const GruScratch& scratch);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_GRU_STEP_H_
