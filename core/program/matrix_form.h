// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_MATRIX_FORM_H_
#define RNNSERVE_CORE_PROGRAM_MATRIX_FORM_H_

#include <cstdint>
#include <vector>

#include "core/program/lowering.h"
#include "core/program/program.h"
#include "core/program/strided_view.h"

namespace rnnserve {

// A product of constant weights in the form of the packed kernels (kernels/matrix.h): for each
// block, a matrix that is multiplied by columns of x. A value type.
struct MatrixForm {
  PlannedValue x;
  bool is_copied = false;              // whether x is a copy of the operand
  std::vector<int64_t> block_offsets;  // of x
  int64_t num_columns = 1;
  int64_t x_stride = 0;
  std::vector<float> weights;  // row-major [blocks, input_size, units]
  int64_t input_size = 0;
  int64_t units = 0;
  int64_t column_stride = 0;  // from one column of the result to the next
  int64_t block_stride = 0;   // from one block of the result to the next
  // The result in the memory of all columns of all blocks, and which of its axes are units.
  StridedView result;
  std::vector<bool> is_unit_axis;
};

// A kDot or kConv with one constant operand. A value type. REQUIRES: of a convolution the kernel is
// constant.
struct ProductOperation {
  Program::ValueId x() const { return operation.operands[is_first_constant ? 1 : 0]; }
  Program::ValueId weights() const { return operation.operands[is_first_constant ? 0 : 1]; }

  const Program::Operation& operation;
  bool is_first_constant;
};

// Returns whether a kDot or kConv is large enough to be worth a matrix. `values` are those of the
// program.
bool IsWorthMatrix(const ProductOperation& product, const std::vector<Program::Value>& values);

// Returns the form of a kDot or kConv whose operands are `x` and `weights`, with the elements of a
// constant memory. Where the kernels cannot take x as it is, appends a copy of it to `copies`.
// REQUIRES: IsWorthMatrix.
MatrixForm FormOfProduct(const ProductOperation& product, const std::vector<Program::Value>& values,
                         const PlannedValue& x, const PlannedValue& weights, const float* elements,
                         Lowering& copies);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_MATRIX_FORM_H_
