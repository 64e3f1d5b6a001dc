// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_MATRIX_H_
#define RNNSERVE_CORE_KERNELS_MATRIX_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// A weight matrix laid out once, at load, for y = W x on columns.
//
// Keras stores a kernel row-major as [input, blocks * units], the blocks being gates. Here every
// block is padded to PaddedRows(units), so that gate g of a product begins at the aligned row
// g * PaddedRows(units) of its column:
//
//   Keras   [input][ i i i | f f f | c c c | o o o ]
//   Matrix  [input][ i i i . | f f f . | c c c . | o o o . ]        . = zeros
//
// In memory the units are cut into panels of kColumnQuantum, each [input][blocks][kColumnQuantum]:
// a product reads the weights of a panel from begin to end, and has all gates of 16 units together.
// Owns its weights. Immutable; safe to share.
class Matrix {
 public:
  Matrix() = default;
  // `kernel` is row-major [input_size, blocks * units]. REQUIRES: its length is their product.
  Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units);

  int64_t input_size() const { return input_size_; }
  int64_t units() const { return units_; }
  int64_t blocks() const { return blocks_; }
  // The rows of a product: blocks * PaddedRows(units), or units if there is one block.
  int64_t output_rows() const { return blocks_ == 1 ? units_ : blocks_ * PaddedRows(units_); }
  // The weights of the units [p * kColumnQuantum, (p + 1) * kColumnQuantum) of all blocks,
  // row-major [input_size, blocks, kColumnQuantum]. REQUIRES: p is in [0, num_panels()).
  const float* panel(int64_t p) const {
    return weights_.data() + p * input_size_ * blocks_ * kColumnQuantum;
  }
  int64_t num_panels() const { return PaddedRows(units_) / kColumnQuantum; }

 private:
  AlignedBuffer weights_;
  int64_t input_size_ = 0;
  int64_t blocks_ = 0;
  int64_t units_ = 0;
};

// A bias laid out like a column of W x: [blocks * PaddedRows(units)]; all zero if `bias` is empty.
// REQUIRES: `bias` is empty or [blocks * units].
AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_MATRIX_H_
