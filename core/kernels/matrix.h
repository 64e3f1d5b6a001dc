// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_MATRIX_H_
#define RNNSERVE_CORE_KERNELS_MATRIX_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"
#include "core/kernels/weight_type.h"

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
// In memory the units are cut into panels of kColumnQuantum, each [words][blocks][kColumnQuantum]:
// a product reads the weights of a panel from begin to end, and has all gates of 16 units together.
// A word has 32 bits: the weight of one input, or, of narrower types, those of 2 or 4 inputs one
// after another, that of the first in the lowest bits.
//
//   float32   |            k            |        bfloat16   |    k + 1   |     k      |
//   int8      | k + 3| k + 2| k + 1|  k |        (zeros where there is no such input)
//
// Owns its weights. Immutable; safe to share.
class Matrix {
 public:
  Matrix() = default;
  // `kernel` is row-major [input_size, blocks * units]. Weights of a narrower type are rounded to
  // the nearest; the scale of a unit makes its largest weight 127. REQUIRES: the length of `kernel`
  // is the product, and its values are finite.
  Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units,
         WeightType type = WeightType::kFloat32);

  WeightType type() const { return type_; }
  int64_t input_size() const { return input_size_; }
  int64_t units() const { return units_; }
  int64_t blocks() const { return blocks_; }
  // The rows of a product: blocks * PaddedRows(units), or units if there is one block.
  int64_t output_rows() const { return blocks_ == 1 ? units_ : blocks_ * PaddedRows(units_); }
  // The words that the weights of one unit take.
  int64_t num_words() const {
    return (input_size_ + WeightsPerWord(type_) - 1) / WeightsPerWord(type_);
  }
  // The bytes of the weights, scales and offsets.
  int64_t bytes() const {
    return (words_.size() + scales_.size() + offsets_.size()) * int64_t{sizeof(float)};
  }

  // The weights of the units [p * kColumnQuantum, (p + 1) * kColumnQuantum) of all blocks,
  // row-major [num_words(), blocks, kColumnQuantum]; the bits of words unless the type is float32.
  // REQUIRES: p is in [0, num_panels()).
  const float* panel(int64_t p) const {
    return words_.data() + p * num_words() * blocks_ * kColumnQuantum;
  }
  int64_t num_panels() const { return PaddedRows(units_) / kColumnQuantum; }
  // How many floats ahead a product asks for the weights: see PrefetchDistance.
  int64_t prefetch_distance() const { return prefetch_distance_; }
  // What the sums of the units of a panel in one block are to be multiplied by, [kColumnQuantum].
  // REQUIRES: the type is int8.
  const float* scales(int64_t p, int64_t block) const {
    return scales_.data() + block * PaddedRows(units_) + p * kColumnQuantum;
  }
  // Of the same units, -128 times the sum of the weights before their scale: the bits of whole
  // numbers of 32 bits, [kColumnQuantum]. For inputs that 128 was added to (operand.h). REQUIRES:
  // the type is int8.
  const float* offsets(int64_t p, int64_t block) const {
    return offsets_.data() + block * PaddedRows(units_) + p * kColumnQuantum;
  }

 private:
  WeightType type_ = WeightType::kFloat32;
  int64_t input_size_ = 0;
  int64_t blocks_ = 0;
  int64_t units_ = 0;
  AlignedBuffer words_;
  AlignedBuffer scales_;
  AlignedBuffer offsets_;
  int64_t prefetch_distance_ = 0;
};

// A bias laid out like a column of W x: [blocks * PaddedRows(units)]; all zero if `bias` is empty.
// REQUIRES: `bias` is empty or [blocks * units].
AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_MATRIX_H_
