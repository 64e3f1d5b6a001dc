// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_
#define RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_

#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_dropout.h"
#include "core/cells/cell_registry.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// keras.layers.SimpleRNNCell: the fully connected recurrence. With F features and U units,
//
//   h' = act(x K + h R + b)      x [F]   h [U]   K [F, U]   R [U, U]   b [U]
//   y  = h'
//
// In training x and h are those that the dropout leaves (CellDropout). One state, "h". Owns its
// weights. Immutable; safe to share.
class SimpleRnnCell final : public Cell {
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
  SimpleRnnCell(const KerasCellOptions& options, const CellDropouts& dropouts,
                const KerasCellWeights& weights);

  const CellDropouts dropouts_;
  const Activation activation_;
  const int64_t num_parameters_;
  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer bias_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_
