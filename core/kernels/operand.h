// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_OPERAND_H_
#define RNNSERVE_CORE_KERNELS_OPERAND_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/kernels/column_grid.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Returns whether weights of this type are multiplied without being widened to float first. True
// for bfloat16 if ActiveIsa() is kAvx512Bf16, and for int8 if it is kAvx512Vnni or kAvx512Bf16.
// Products with an int8 matrix of more than kMaxInt8Inputs inputs (narrow_dot.h) still widen the
// weights.
bool MultipliesNarrow(WeightType type);

// The right-hand side of a product with a matrix: columns and, if MultipliesNarrow, the same
// columns in the format of the narrow weights, converted once for all panels. Each column is
// converted by itself, so the result does not depend on the rest of the batch.
//
// bfloat16: inputs are rounded to bfloat16 and stored in pairs, like the weights.
//
//     |  x[1]  x[0]  |  x[3]  x[2]  | ...
//
// int8: inputs become 16-bit integers q = round(x / s), where s = max |x| / 32767 is the scale of
// their column. q + 32768 is split into a low byte l and a high byte h, so q = 256 (h - 128) + l.
// The low bytes of the four inputs of a word of weights are stored before their high bytes.
//
//     | l[3] l[2] l[1] l[0] | h[3] h[2] h[1] h[0] | l[7] l[6] ...
//
// The error of an input is at most 1/65534 of the largest input of its column. For comparison, the
// error of an int8 weight is up to 1/254 of the largest weight of its unit. A column whose values
// are all below 1e-33 counts as zeros. The scale of a column with a value that is not finite is
// NaN.
//
// Borrows the columns. Takes the memory for the converted columns from its thread, which keeps it
// for the next operand unless it is more than 4 MiB. Cannot be moved. Must be destroyed by the
// thread that created it. Immutable; safe to share.
class Operand {
 public:
  Operand(const Matrix& weights, ConstColumns x);
  // The columns [first, first + count) of a grid; columns() has none.
  Operand(const Matrix& weights, const ConstColumnGrid& x, int64_t first, int64_t count);
  ~Operand();
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  ConstColumns columns() const { return columns_; }

  // Returns whether the columns have been converted.
  bool is_narrow() const { return stride_ > 0; }
  // Returns the words of column b: one for each word of weights of a unit (Matrix::num_words), or
  // two if the type is int8. REQUIRES: is_narrow().
  const float* words(int64_t b) const { return narrow_.data() + b * stride_; }
  // Returns the scale of column b. REQUIRES: is_narrow() and the type is int8.
  float scale(int64_t b) const { return words(b)[stride_ - kColumnQuantum]; }

 private:
  // Takes memory for `cols` converted columns of `rows` values, if MultipliesNarrow.
  void Reserve(const Matrix& weights, int64_t rows, int64_t cols);
  void Convert(const Matrix& weights, const float* column, int64_t rows, int64_t b);

  ConstColumns columns_;
  int64_t stride_ = 0;  // floats from one column of narrow_ to the next; 0: not converted
  AlignedBuffer narrow_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_OPERAND_H_
