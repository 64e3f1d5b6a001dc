// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_STACKED_RNN_CELLS_H_
#define RNNSERVE_CORE_CELLS_STACKED_RNN_CELLS_H_

#include <memory>
#include <string>
#include <vector>

#include "core/cells/cell_registry.h"

namespace rnnserve {

// keras.layers.StackedRNNCells: cells on top of each other within one timestep. With n cells,
//
//   y_0, s_0' = cell_0(x,       s_0)
//   y_1, s_1' = cell_1(y_0,     s_1)
//   ...
//   y         = y_(n-1)
//
// The states are the states of the cells in order. Each name begins with the position of its cell:
// "0/h", "0/c", "1/h". Every cell that takes external constants gets the same ones. In training
// each cell has its own dropout. Owns its cells. Immutable; safe to share.
class StackedRnnCells final : public Cell {
 public:
  // A CellRegistry::Factory. The cells come from `registry`, the weights of cell i from
  // "cells/<i>/". Errors: those of the cells, and MODEL_CONFIG if there is no cell, if a cell
  // cannot take the output of the one below it, or if two cells take different constants.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t num_parameters() const override;
  int64_t parameter_bytes() const override;
  int64_t shareable_bytes() const override;
  int64_t scratch_size(int64_t batch) const override;
  std::string no_training_reason() const override;
  void InitialState(int state_index, absl::Span<float> value) const override;
  // Prepare every cell. The rows of cell i follow those of the cells before it.
  int64_t prepared_rows() const override;
  void Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
               float* scratch) const override;
  // Project with the first cell, the only one that sees x.
  int64_t projection_rows() const override;
  int64_t projection_scratch_size(int64_t columns) const override;
  void Project(const CellProjection& project) const override;
  void Step(const CellStep& step) const override;

 private:
  // REQUIRES: at least one cell.
  explicit StackedRnnCells(std::vector<std::unique_ptr<Cell>> cells);

  // Returns the constants that a cell takes: all of them or none.
  static absl::Span<const ConstColumns> ConstantsFor(const Cell& cell,
                                                     absl::Span<const ConstColumns> constants);

  const std::vector<std::unique_ptr<Cell>> cells_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_STACKED_RNN_CELLS_H_
