// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_LSTM_CELL_H_
#define RNNSERVE_CORE_CELLS_LSTM_CELL_H_

#include <memory>

#include "core/cells/cell_registry.h"
#include "core/cells/vector_cell.h"

namespace rnnserve {

// keras.layers.LSTMCell: long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget
// gate. With F features, U units and the recurrent activation rec,
//
//   i  = rec(x K_i + h R_i + b_i)      x [F]   h, c [U]
//   f  = rec(x K_f + h R_f + b_f)      K = [K_i K_f K_c K_o]   [F, 4U]
//   g  = act(x K_c + h R_c + b_c)      R = [R_i R_f R_c R_o]   [U, 4U]
//   o  = rec(x K_o + h R_o + b_o)      b = [b_i b_f b_c b_o]   [4U]
//   c' = f * c + i * g
//   h' = o * act(c')
//   y  = h'
//
// One product gives all gates of a column, stacked (see gates.h for the order):
//
//               +-----+                 +-----+  0
//               | i   |                 | i   |
//               | f   |  =  K^T x + b   | f   |  PaddedRows(U)
//               | c   |     + R^T h     | c   |  2 PaddedRows(U)
//               | o   |                 | o   |  3 PaddedRows(U)
//               +-----+                 +-----+
//
// In training each gate sees x and h after dropout (CellDropout).
//
// Two states, "h" then "c". Owns its weights. Immutable; safe to share.
class LstmCell final : public VectorCell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t scratch_size(int64_t batch) const override;

 private:
  LstmCell(const KerasCellOptions& options, const KerasCellWeights& weights);

  void FusedStep(const CellStep& step) const override;
  void StepByGates(const CellStep& step) const override;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_LSTM_CELL_H_
