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

// y[i] := 0 with probability `rate`, else x[i] / (1 - rate): one column of dropout with inverted
// scaling. Number i of `key` decides; with a rate of 1 all are 0. x and y may be the same.
void DropColumn(double rate, uint64_t key, int64_t rows, const float* x, float* y);

// What Keras' `dropout` does to the input x of a cell, or `recurrent_dropout` to its state, before
// the product with the kernel: in training some elements are dropped, the same ones at every
// timestep of a row.
//
//   shared     one mask for all gates            x K      becomes  (m * x) K
//   per gate   each gate has a mask of its own   x K_g    becomes  (m_g * x) K_g
//
// A value type.
class CellDropout {
 public:
  // Which elements are dropped together.
  enum class Masks { kShared, kPerGate };

  // No dropout.
  CellDropout() = default;
  // `part` differs between the dropouts of a cell. REQUIRES: rate is in [0, 1].
  CellDropout(double rate, Masks masks, int64_t part) : rate_(rate), masks_(masks), part_(part) {}

  // Whether it does anything in training.
  bool is_active() const { return rate_ > 0.0; }
  // Whether it does anything in this run.
  bool ActsIn(const TrainingRun* training) const { return training != nullptr && is_active(); }

  // Floats of scratch for the products below, with x of that size.
  int64_t scratch_size(int64_t rows, int64_t batch) const {
    return is_active() ? ColumnsSize(rows, batch) : 0;
  }

  // y := what gate `gate` sees of column b, x[:, b]. REQUIRES: ActsIn(&training).
  void DropFor(int64_t gate, const TrainingRun& training, int64_t b, ConstColumns x,
               float* y) const;

  // The products of kernels/product.h of what the gates see of x; the plain ones if the dropout
  // does not act. The blocks of `weights` are the gates. `training` may be null.
  void Affine(const Matrix& weights, const AlignedBuffer& bias, const TrainingRun* training,
              ConstColumns x, float* scratch, Columns y) const;
  void AddProduct(const Matrix& weights, const TrainingRun* training, ConstColumns x,
                  float* scratch, Columns y) const;

 private:
  // What gate `gate` sees, in scratch.
  ConstColumns Dropped(int64_t gate, const TrainingRun& training, ConstColumns x,
                       float* scratch) const;

  double rate_ = 0.0;
  Masks masks_ = Masks::kShared;
  int64_t part_ = 0;
};

// Both dropouts of a Keras cell.
struct CellDropouts {
  CellDropout input;
  CellDropout state;

  // Whether one of them does anything in this run.
  bool ActIn(const TrainingRun* training) const {
    return input.ActsIn(training) || state.ActsIn(training);
  }

  // As SimpleRNNCell, LSTMCell and GRUCell, and the cells of ConvLSTM take them out of `dropout`,
  // `recurrent_dropout` and `implementation`; Keras clips rates to [0, 1]. Of a rate of 1 the
  // SimpleRNNCell leaves nothing, the others ignore it. LSTMCell and GRUCell have a mask for each
  // gate if `recurrent_dropout` is above 0 or `implementation` is 1. Errors: those of KerasConfig.
  static absl::StatusOr<CellDropouts> ReadSimple(const KerasConfig& config);
  static absl::StatusOr<CellDropouts> ReadGated(const KerasConfig& config);
  static absl::StatusOr<CellDropouts> ReadConvolutional(const KerasConfig& config);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_DROPOUT_H_
