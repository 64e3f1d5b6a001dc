// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_CONTRACTION_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_CONTRACTION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {

// A value with a letter for each axis, as in an equation of numpy.einsum. A letter does not repeat.
struct LetteredValue {
  BuiltValue value;
  std::string letters;
};

// Returns the value with the axes of `result`: other letters are summed over, and letters that the
// value does not have become axes of extent 1.
BuiltValue Arrange(Formula& f, const LetteredValue& x, absl::string_view result);

// Returns the product of two values, with the axes of `result`; letters that are not in it are
// summed over. Extents of 1 broadcast. Axes of extent 1 do not take part in the product that the
// program gets, so a matrix with one row is multiplied as a vector.
BuiltValue Contract(Formula& f, LetteredValue a, LetteredValue b, absl::string_view result);

// As numpy.matmul: the last two axes are matrices, and the ones before broadcast. A vector counts as
// a matrix with one row or column, which the result does not have.
BuiltValue MatrixProduct(Formula& f, const BuiltValue& a, const BuiltValue& b);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_CONTRACTION_H_
