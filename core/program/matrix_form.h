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

// A product of constant weights in the form of the packed kernels (kernels/matrix.h): matrices that
// are multiplied by columns of x. A value type.
struct MatrixForm {
  // One matrix, and what it is multiplied by. Each row of a batch has the same columns.
  struct Part {
    std::vector<float> weights;  // row-major [input_size, units]
    int64_t input_size = 0;
    std::vector<int32_t> x_offsets;  // of the columns, from the first element of x
    std::vector<int32_t> y_offsets;  // of their sums, in the memory of the result
    bool goes_on = false;            // whether a part before this one has begun these sums
  };

  PlannedValue x;
  bool is_copied = false;  // whether x is a copy of the operand
  int64_t units = 0;
  std::vector<Part> parts;  // in the order in which they are added
  int64_t size = 0;         // floats that the sums take
  // The result in that memory, and which of its axes are units.
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
