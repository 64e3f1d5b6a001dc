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
// In memory the output rows are cut into panels of kColumnQuantum, each [input][kColumnQuantum], so
// that a product reads the weights from begin to end. Owns its weights. Immutable; safe to share.
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
  // The weights of the output rows [p * kColumnQuantum, (p + 1) * kColumnQuantum),
  // row-major [input_size, kColumnQuantum]. REQUIRES: p is in [0, num_panels()).
  const float* panel(int64_t p) const { return weights_.data() + p * input_size_ * kColumnQuantum; }
  int64_t num_panels() const { return PaddedRows(output_rows()) / kColumnQuantum; }

 private:
  AlignedBuffer weights_;
  int64_t input_size_ = 0;
  int64_t blocks_ = 0;
  int64_t units_ = 0;
};

// A bias laid out like a column of W x: [blocks * PaddedRows(units)]; all zero if `bias` is empty.
// REQUIRES: `bias` is empty or [blocks * units].
AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units);

// y[:, b] := bias + W x[:, b] for every column. The sum runs over the inputs in ascending order,
// beginning with the bias, one rounding per multiplication and one per addition, whatever the
// batch: the bits of a column do not depend on the others. `bias` is from PackBias. REQUIRES: x has
// input_size() rows, y has output_rows() rows, both have as many columns.
void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y);

// y[:, b] += W x[:, b], in the same order, beginning with what y holds.
void AddProduct(const Matrix& weights, ConstColumns x, Columns y);

// The same for the rows of one block of y alone, with the same bits; the other rows of y stay.
// REQUIRES: block is in [0, blocks()); y has the rows of all blocks.
void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y);
void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_MATRIX_H_
