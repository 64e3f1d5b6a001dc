// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_GRU_CELL_H_
#define RNNSERVE_CORE_CELLS_GRU_CELL_H_

#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_dropout.h"
#include "core/cells/cell_registry.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// keras.layers.GRUCell: the gated recurrent unit (Cho et al., 2014), in the two forms that Keras
// calls reset_after. With F features, U units and rec, the recurrent activation,
//
//   z  = rec(x K_z + h R_z + b_z)      x [F]   h [U]
//   r  = rec(x K_r + h R_r + b_r)      K = [K_z K_r K_h]   [F, 3U]
//   h' = z * h + (1 - z) * hh          R = [R_z R_r R_h]   [U, 3U]
//   y  = h'                            b = [b_z b_r b_h]   [3U]
//
//   reset_after = true    hh = act(x K_h + b_h + r * (h R_h + s_h))    the reset gate after the
//                         product; a second, recurrent bias s = [s_z s_r s_h] is also added in z
//                         and r; Keras keeps both as one weight [2, 3U], b in front
//   reset_after = false   hh = act(x K_h + b_h + (r * h) R_h)          before it
//
// Gates are stacked in a column (see gates.h for the order). After, the products with x and with h
// are kept apart, because r comes between them; before, R is split, because R_h waits for r:
//
//          after                                      before
//   +---+             +---+                    +---+
//   | z |             | z |                    | z |
//   | r | = K^T x+b   | r | = R^T h+s          | r | = K^T x+b, then [z r] += [R_z R_r]^T h,
//   | h |             | h |                    | h |            then    h  += R_h^T (r * h)
//   +---+             +---+                    +---+
//
// In training x and h are, in each product with K and R, those that the dropout leaves
// (CellDropout); h' takes up the whole h.
//
// One state, "h". Owns its weights. Immutable; safe to share.
class GruCell final : public Cell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t parameter_bytes() const override;
  int64_t shareable_bytes() const override;
  int64_t scratch_size(int64_t batch) const override;
  int64_t projection_rows() const override { return kernel_.output_rows(); }
  void Project(ConstColumns x, Columns projection) const override;
  void Step(const CellStep& step) const override;

 private:
  GruCell(const KerasCellOptions& options, bool reset_after, const CellDropouts& dropouts,
          const KerasCellWeights& weights);

  bool HasFusedStep() const { return HasStepKernels(activation_, recurrent_activation_); }
  void FusedStep(const CellStep& step) const;
  // Step gate by gate: with dropout, with other activations than the fused kernels have, or with
  // Isa kPortable.
  void StepByGates(const CellStep& step) const;
  // Both leave z in block z of `gates` and hh in block h. `gates` holds x K + b at first.
  void ResetAfter(const CellStep& step, Columns gates, float* scratch) const;
  void ResetBefore(const CellStep& step, Columns gates, float* scratch) const;

  const CellDropouts dropouts_;
  const Activation activation_;
  const Activation recurrent_activation_;
  const bool reset_after_;
  const int64_t num_parameters_;
  const Matrix kernel_;
  const AlignedBuffer bias_;
  // With reset_after: R and s.
  const Matrix recurrent_kernel_;
  const AlignedBuffer recurrent_bias_;
  // What the sums of a fused step begin with: b, and s for z and r.
  const AlignedBuffer step_bias_;
  // Without: [R_z R_r] and R_h.
  const Matrix gate_recurrent_kernel_;
  const Matrix candidate_recurrent_kernel_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_GRU_CELL_H_
