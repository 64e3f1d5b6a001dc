// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_DROPOUT_H_
#define RNNSERVE_CORE_CELLS_CELL_DROPOUT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/cells/training_run.h"
#include "core/keras/keras_config.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Applies dropout with inverted scaling to one column: y[i] := 0 with probability `rate`, else x[i]
// / (1 - rate). Random number i of `key` decides about element i. With a rate of 1 all elements
// become 0. x and y may be the same.
void DropColumn(double rate, uint64_t key, int64_t rows, const float* x, float* y);

// Keras' `dropout` of the input x of a cell, or `recurrent_dropout` of its state. In training it
// drops some elements before the product with the kernel, the same ones at every timestep of a
// batch row:
//
//   shared     one mask for all gates            x K      becomes  (m * x) K
//   per gate   each gate has its own mask        x K_g    becomes  (m_g * x) K_g
//
// A value type.
class CellDropout {
 public:
  // Whether the gates share a mask.
  enum class Masks { kShared, kPerGate };

  // No dropout.
  CellDropout() = default;
  // `part` gives each dropout of a cell its own random numbers. REQUIRES: rate is in [0, 1].
  CellDropout(double rate, Masks masks, int64_t part) : rate_(rate), masks_(masks), part_(part) {}

  // Returns whether it drops anything in training.
  bool is_active() const { return rate_ > 0.0; }
  // Returns whether anything is dropped in this run.
  bool ActsIn(const TrainingRun* training) const { return training != nullptr && is_active(); }

  // Returns the number of scratch floats that the products below need for an x [rows, batch].
  int64_t scratch_size(int64_t rows, int64_t batch) const {
    return is_active() ? ColumnsSize(rows, batch) : 0;
  }

  // Sets y to column b of x as gate `gate` sees it. REQUIRES: ActsIn(&training).
  void DropFor(int64_t gate, const TrainingRun& training, int64_t b, ConstColumns x,
               float* y) const;

  // Compute the products of the same names in kernels/product.h, with x as each gate sees it after
  // dropout, or with x itself if the dropout does not act. Each block of `weights` is one gate.
  // `training` may be null.
  void Affine(const Matrix& weights, const AlignedBuffer& bias, const TrainingRun* training,
              ConstColumns x, float* scratch, Columns y) const;
  void AddProduct(const Matrix& weights, const TrainingRun* training, ConstColumns x,
                  float* scratch, Columns y) const;

 private:
  // Returns x as gate `gate` sees it, in `scratch`.
  ConstColumns Dropped(int64_t gate, const TrainingRun& training, ConstColumns x,
                       float* scratch) const;

  double rate_ = 0.0;
  Masks masks_ = Masks::kShared;
  int64_t part_ = 0;
};

// The input dropout and the state dropout of a Keras cell.
struct CellDropouts {
  CellDropout input;
  CellDropout state;

  // Returns whether at least one of them drops anything in this run.
  bool ActIn(const TrainingRun* training) const {
    return input.ActsIn(training) || state.ActsIn(training);
  }

  // Read `dropout`, `recurrent_dropout` and `implementation` by the rules of SimpleRNNCell
  // (ReadSimple), of LSTMCell and GRUCell (ReadGated) and of the ConvLSTM cells
  // (ReadConvolutional). All clip rates to [0, 1]. A rate of 1 drops everything in SimpleRNNCell
  // and is ignored by the others. LSTMCell and GRUCell have a mask for each gate if
  // `recurrent_dropout` is above 0 or `implementation` is 1; the ConvLSTM cells always do. Errors:
  // those of KerasConfig.
  static absl::StatusOr<CellDropouts> ReadSimple(const KerasConfig& config);
  static absl::StatusOr<CellDropouts> ReadGated(const KerasConfig& config);
  static absl::StatusOr<CellDropouts> ReadConvolutional(const KerasConfig& config);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_DROPOUT_H_
