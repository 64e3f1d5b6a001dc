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

// A weight matrix, laid out once at load time for products y = W x on columns.
//
// Keras stores a kernel row-major as [input, blocks * units]. A block holds the weights of one
// gate. Here every block is padded to PaddedRows(units), so that gate g of a product starts at the
// aligned row g * PaddedRows(units) of its column:
//
//   Keras   [input][ i i i | f f f | c c c | o o o ]
//   Matrix  [input][ i i i . | f f f . | c c c . | o o o . ]        . = zeros
//
// In memory the units are divided into panels. A panel holds the weights of kColumnQuantum = 16
// units of all blocks as [words][blocks][kColumnQuantum], so that a product reads it from front to
// back and then has all gates of 16 units. A word has 32 bits and holds the weight of one input or,
// for narrow types, of 2 or 4 consecutive inputs, the first in the lowest bits:
//
//   float32   |            k            |        bfloat16   |    k + 1   |     k      |
//   int8      | k + 3| k + 2| k + 1|  k |        (zeros where there is no such input)
//
// Owns its weights. Immutable; safe to share.
class Matrix {
 public:
  Matrix() = default;
  // `kernel` is row-major [input_size, blocks * units]. Narrow types round each weight to the
  // nearest value; for int8 the scale of a unit maps its largest weight to 127. REQUIRES: `kernel`
  // has input_size * blocks * units values, all finite.
  Matrix(absl::Span<const float> kernel, int64_t input_size, int64_t blocks, int64_t units,
         WeightType type = WeightType::kFloat32);

  WeightType type() const { return type_; }
  int64_t input_size() const { return input_size_; }
  int64_t units() const { return units_; }
  int64_t blocks() const { return blocks_; }
  // Returns the number of rows of a product: blocks * PaddedRows(units), or units if there is one
  // block.
  int64_t output_rows() const { return blocks_ == 1 ? units_ : blocks_ * PaddedRows(units_); }
  // Returns the number of words that the weights of one unit of one block take.
  int64_t num_words() const {
    return (input_size_ + WeightsPerWord(type_) - 1) / WeightsPerWord(type_);
  }
  // Returns the number of bytes that the weights, scales and offsets take.
  int64_t bytes() const {
    return (words_.size() + scales_.size() + offsets_.size()) * int64_t{sizeof(float)};
  }

  // Returns panel p: the weights of the units [p * kColumnQuantum, (p + 1) * kColumnQuantum) of all
  // blocks, row-major [num_words(), blocks, kColumnQuantum]. Unless the type is float32, the floats
  // are only containers for the bits of words. REQUIRES: p is in [0, num_panels()).
  const float* panel(int64_t p) const {
    return words_.data() + p * num_words() * blocks_ * kColumnQuantum;
  }
  int64_t num_panels() const { return PaddedRows(units_) / kColumnQuantum; }
  // Returns how many floats ahead a product prefetches the weights (see PrefetchDistance).
  int64_t prefetch_distance() const { return prefetch_distance_; }
  // Returns the scales of the units of panel p in one block, [kColumnQuantum]: a sum over int8
  // weights is multiplied by the scale of its unit. REQUIRES: the type is int8.
  const float* scales(int64_t p, int64_t block) const {
    return scales_.data() + block * PaddedRows(units_) + p * kColumnQuantum;
  }
  // Returns the offsets of the same units, [kColumnQuantum]: the bits of 32-bit integers, each -128
  // times the sum of a unit's int8 weights. They cancel the 128 that is added to the high bytes of
  // inputs to make them unsigned (operand.h). REQUIRES: the type is int8.
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

// Returns a bias laid out like a column of W x, [blocks * PaddedRows(units)], or zeros if `bias` is
// empty. REQUIRES: `bias` is empty or [blocks * units].
AlignedBuffer PackBias(absl::Span<const float> bias, int64_t blocks, int64_t units);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_MATRIX_H_
