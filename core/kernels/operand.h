// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_OPERAND_H_
#define RNNSERVE_CORE_KERNELS_OPERAND_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// What the weights of a matrix are multiplied with: columns, and, where the processor multiplies
// weights of that type as they are, without making floats of them, the same columns in a form that
// fits, made once for all panels. A column is narrowed by itself, whatever else is in the batch.
//
//   bfloat16, Isa kAvx512Bf16    inputs rounded to bfloat16, the pair of a word of weights in a
//   word:
//
//       |  x[1]  x[0]  |  x[3]  x[2]  | ...
//
//   int8, Isa kAvx512Vnni        inputs as whole numbers of 16 bits, q = round(x / s) with the
//       and kAvx512Bf16          scale s = max |x| / 32767 of their column; the low bytes of
//                                q + 32768 that belong to a word of weights, then the high ones:
//
//       | l[3] l[2] l[1] l[0] | h[3] h[2] h[1] h[0] | l[7] ...        q = 256 (h - 128) + l
//
//       An input is off by s / 2 at most, which is 1/258 of what its weight may be off, of the
//       largest of both. Inputs below 1e-33 are zero; with one that is not finite the scale is NaN.
//
// Borrows the columns. Its own memory is lent by the thread, which keeps it for the next. Not
// moved; may be read by several threads.
class Operand {
 public:
  Operand(const Matrix& weights, ConstColumns x);
  ~Operand();
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  ConstColumns columns() const { return columns_; }

  // Whether there is the other form.
  bool is_narrow() const { return stride_ > 0; }
  // The words of column b: one for each word of weights of a unit (Matrix::num_words), or two if
  // the type is int8. REQUIRES: is_narrow().
  const float* words(int64_t b) const { return narrow_.data() + b * stride_; }
  // The scale of column b. REQUIRES: is_narrow() and the type is int8.
  float scale(int64_t b) const { return words(b)[stride_ - kColumnQuantum]; }

 private:
  ConstColumns columns_;
  int64_t stride_ = 0;  // floats from a column of narrow_ to the next; 0: there are none
  AlignedBuffer narrow_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_OPERAND_H_
