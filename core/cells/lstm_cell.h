// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_LSTM_CELL_H_
#define RNNSERVE_CORE_CELLS_LSTM_CELL_H_

#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_dropout.h"
#include "core/cells/cell_registry.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// keras.layers.LSTMCell: long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget
// gate. With F features, U units and rec, the recurrent activation,
//
//   i  = rec(x K_i + h R_i + b_i)      x [F]   h, c [U]
//   f  = rec(x K_f + h R_f + b_f)      K = [K_i K_f K_c K_o]   [F, 4U]
//   g  = act(x K_c + h R_c + b_c)      R = [R_i R_f R_c R_o]   [U, 4U]
//   o  = rec(x K_o + h R_o + b_o)      b = [b_i b_f b_c b_o]   [4U]
//   c' = f * c + i * g
//   h' = o * act(c')
//   y  = h'
//
// All gates of a column come out of one product, stacked (see gates.h for the order):
//
//               +-----+                 +-----+  0
//               | i   |                 | i   |
//               | f   |  =  K^T x + b   | f   |  PaddedRows(U)
//               | c   |     + R^T h     | c   |  2 PaddedRows(U)
//               | o   |                 | o   |  3 PaddedRows(U)
//               +-----+                 +-----+
//
// In training x and h are, in each gate, those that the dropout leaves (CellDropout).
//
// Two states, "h" then "c". Owns its weights. Immutable; safe to share.
class LstmCell final : public Cell {
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
  // Step gate by gate: with dropout, with other activations than the fused kernel has, or with Isa
  // kPortable.
  void StepByGates(const CellStep& step) const;

  LstmCell(const KerasCellOptions& options, const CellDropouts& dropouts,
           const KerasCellWeights& weights);

  const CellDropouts dropouts_;
  const Activation activation_;
  const Activation recurrent_activation_;
  const int64_t num_parameters_;
  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer bias_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_LSTM_CELL_H_
