// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_OPERAND_H_
#define RNNSERVE_CORE_KERNELS_OPERAND_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Whether weights of this type are multiplied as they are, without making floats of them: with
// ActiveIsa() kAvx512Bf16 those of bfloat16, with kAvx512Vnni and kAvx512Bf16 those of int8. A
// matrix of int8 with more than kMaxInt8Inputs inputs is not (int8_dot.h). Float32: false.
bool MultipliesNarrow(WeightType type);

// What the weights of a matrix are multiplied with: columns, and, if MultipliesNarrow, the same
// columns in a form that fits, made once for all panels. A column is narrowed by itself, whatever
// else is in the batch.
//
// bfloat16: inputs are rounded to bfloat16 and stand by pairs, as the weights do.
//
//     |  x[1]  x[0]  |  x[3]  x[2]  | ...
//
// int8: inputs are whole numbers of 16 bits, q = round(x / s) with the scale s = max |x| / 32767 of
// their column. The low bytes l of q + 32768 that belong to a word of weights stand before the high
// bytes h; q = 256 (h - 128) + l.
//
//     | l[3] l[2] l[1] l[0] | h[3] h[2] h[1] h[0] | l[7] l[6] ...
//
// An input is off by 1/65534 of the largest of its column at most, where a weight of 8 bits may be
// off by 1/254 of the largest of its unit. A column whose values are all below 1e-33 is taken for
// zeros; the scale of one that has a value that is not finite is NaN.
//
// Borrows the columns. Its own memory is lent by the thread, which keeps it for the next unless it
// is more than 4 MiB. Not moved; dies in the thread that made it; may be read by several.
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
