// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_MINIMAL_RNN_CELL_H_
#define RNNSERVE_CORE_CELLS_MINIMAL_RNN_CELL_H_

#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_registry.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The example cell of the documentation of keras.layers.RNN, without bias and activation. With F
// features and U units,
//
//   h' = x K + h R      x [F]   h [U]   K [F, U]   R [U, U]
//   y  = h'
//
// It also serves as the shortest example of a custom cell (CUSTOM_CELLS.md). Its only option is
// `units`, as in the documentation. One state, "h". Owns its weights. Immutable; safe to share.
class MinimalRnnCell final : public Cell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t num_parameters() const override;
  void Step(const CellStep& step) const override;

 private:
  MinimalRnnCell(absl::Span<const float> kernel, absl::Span<const float> recurrent_kernel,
                 int64_t input_size, int64_t units);

  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer no_bias_;  // [U], zeros
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_MINIMAL_RNN_CELL_H_
