// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_TENSOR_VIEW_H_
#define RNNSERVE_CORE_BASE_TENSOR_VIEW_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/shape.h"

namespace rnnserve {

// The element type of a tensor.
enum class DataType { kFloat32, kInt32, kInt64, kBool };

// Returns the size of one element in bytes.
int64_t DataTypeBytes(DataType dtype);

// Returns, for example, "FLOAT32".
absl::string_view DataTypeName(DataType dtype);

// A view of a tensor that somebody else owns: dtype, shape and little-endian row-major bytes. The
// bytes are read in place from the request and may have any alignment.
struct TensorView {
  DataType dtype = DataType::kFloat32;
  Shape shape;
  absl::string_view bytes;
};

// Checks that there are exactly as many bytes as dtype and shape need. `what` names the tensor in
// the error text. Errors: INVALID_ARGUMENT, reason TENSOR_LENGTH, with both numbers, or
// TENSOR_SHAPE (negative or overflowing extents), with the shape.
absl::Status CheckLength(const TensorView& tensor, absl::string_view what);

// Checks that every element of a FLOAT32 tensor is finite; tensors of other dtypes always pass.
// Errors: INVALID_ARGUMENT, reason NOT_FINITE, with the index of the first element that is not.
absl::Status CheckFinite(const TensorView& tensor, absl::string_view what);

// Returns element i as a number; a BOOL is 0 or 1. REQUIRES: CheckLength is OK and i is in
// [0, number of elements).
double ElementAt(const TensorView& tensor, int64_t i);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_TENSOR_VIEW_H_
