// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_ROW_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_ROW_H_

#include <cstddef>

#include "core/base/tensor_view.h"

namespace rnnserve {

// Returns row `row` of a tensor [batch, ...] as a tensor [...] that points into the same bytes.
// REQUIRES: the tensor has as many bytes as its shape needs, and row < batch.
inline TensorView RowOf(const TensorView& tensor, size_t row) {
  const size_t row_bytes = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
  return {tensor.dtype, Shape(tensor.shape.extents().subspan(1)),
          tensor.bytes.substr(row * row_bytes, row_bytes)};
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_TENSOR_ROW_H_
