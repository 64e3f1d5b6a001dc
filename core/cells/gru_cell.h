// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_GRU_CELL_H_
#define RNNSERVE_CORE_CELLS_GRU_CELL_H_

#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_registry.h"
#include "core/cells/vector_cell.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// keras.layers.GRUCell: the gated recurrent unit (Cho et al., 2014) in both forms of Keras' option
// reset_after. With F features, U units and the recurrent activation rec,
//
//   z  = rec(x K_z + h R_z + b_z)      x [F]   h [U]
//   r  = rec(x K_r + h R_r + b_r)      K = [K_z K_r K_h]   [F, 3U]
//   h' = z * h + (1 - z) * hh          R = [R_z R_r R_h]   [U, 3U]
//   y  = h'                            b = [b_z b_r b_h]   [3U]
//
//   reset_after = true    hh = act(x K_h + b_h + r * (h R_h + s_h))
//                         The reset gate comes after the product with R_h. A second,
//                         recurrent bias s = [s_z s_r s_h] is also added to z and r. Keras keeps
//                         both biases as one weight [2, 3U], b first.
//   reset_after = false   hh = act(x K_h + b_h + (r * h) R_h)
//                         The reset gate comes before the product.
//
// Gates are stacked in a column (see gates.h for the order). With reset_after the products with x
// and with h are kept apart, because r comes between them. Without it R is split, because the
// product with R_h has to wait for r:
//
//          reset_after                                not reset_after
//   +---+             +---+                    +---+
//   | z |             | z |                    | z |
//   | r | = K^T x+b   | r | = R^T h+s          | r | = K^T x+b, then [z r] += [R_z R_r]^T h,
//   | h |             | h |                    | h |            then    h  += R_h^T (r * h)
//   +---+             +---+                    +---+
//
// In training the products with K and R see x and h after dropout (CellDropout); z * h in h' uses h
// without dropout.
//
// One state, "h". Owns its weights. Immutable; safe to share.
class GruCell final : public VectorCell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t parameter_bytes() const override;
  int64_t shareable_bytes() const override;
  int64_t scratch_size(int64_t batch) const override;

 private:
  GruCell(const KerasCellOptions& options, bool reset_after, const KerasCellWeights& weights);

  void FusedStep(const CellStep& step) const override;
  void StepByGates(const CellStep& step) const override;
  const AlignedBuffer& fused_bias() const override { return fused_bias_; }
  // Turn `gates`, which hold x K + b at first, into z (in block z) and hh (in block h).
  void ResetAfter(const CellStep& step, Columns gates, float* scratch) const;
  void ResetBefore(const CellStep& step, Columns gates, float* scratch) const;

  const bool reset_after_;
  // The first row of Keras' bias, plus, with reset_after, the second row for z and r: the fused
  // step adds the two rows up, because only the candidate has to keep them apart.
  const AlignedBuffer fused_bias_;
  // With reset_after: s, the second row of Keras' bias. Else empty.
  const AlignedBuffer recurrent_bias_;
  // Without reset_after: R_h; recurrent_kernel_ then holds R_z and R_r only. Else empty.
  const Matrix candidate_recurrent_kernel_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_GRU_CELL_H_
