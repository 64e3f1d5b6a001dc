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

// The size of one element in bytes.
int64_t DataTypeBytes(DataType dtype);

// For example "FLOAT32".
absl::string_view DataTypeName(DataType dtype);

// A tensor that somebody else owns: dtype, shape and little-endian row-major bytes, which may lie
// at any alignment (they are used where the request put them).
struct TensorView {
  DataType dtype = DataType::kFloat32;
  Shape shape;
  absl::string_view bytes;
};

// Whether the bytes are exactly those that dtype and shape ask for. `what` names the tensor in the
// error text. Errors: INVALID_ARGUMENT, reason TENSOR_LENGTH or TENSOR_SHAPE (negative or
// overflowing extents), with both numbers.
absl::Status CheckLength(const TensorView& tensor, absl::string_view what);

// Whether every element of a FLOAT32 tensor is finite (any other dtype is). Errors:
// INVALID_ARGUMENT, reason NOT_FINITE, with the index of the first that is not.
absl::Status CheckFinite(const TensorView& tensor, absl::string_view what);

// Element i of a FLOAT32, INT32, INT64 or BOOL tensor as a number. REQUIRES: CheckLength is OK and
// i is below the number of elements.
double ElementAt(const TensorView& tensor, int64_t i);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_TENSOR_VIEW_H_
