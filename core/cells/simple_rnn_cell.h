// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_
#define RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_

#include <memory>

#include "core/cells/cell_registry.h"
#include "core/cells/vector_cell.h"

namespace rnnserve {

// keras.layers.SimpleRNNCell: the fully connected recurrence. With F features and U units,
//
//   h' = act(x K + h R + b)      x [F]   h [U]   K [F, U]   R [U, U]   b [U]
//   y  = h'
//
// In training x and h are taken after dropout (CellDropout). One state, "h". Owns its weights.
// Immutable; safe to share.
class SimpleRnnCell final : public VectorCell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t scratch_size(int64_t batch) const override { return dropout_scratch_size(batch); }

 private:
  SimpleRnnCell(const KerasCellOptions& options, const KerasCellWeights& weights);

  void FusedStep(const CellStep& step) const override;
  void StepByGates(const CellStep& step) const override;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_SIMPLE_RNN_CELL_H_
