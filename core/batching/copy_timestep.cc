// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/copy_timestep.h"

#include <cstring>

namespace rnnserve {

void CopyTimestep(const TensorView& tensor, int64_t t, int64_t size, float* column) {
  if (tensor.dtype == DataType::kFloat32) {
    const size_t bytes = static_cast<size_t>(size) * sizeof(float);
    std::memcpy(column, tensor.bytes.data() + static_cast<size_t>(t) * bytes, bytes);
    return;
  }
  for (int64_t i = 0; i < size; ++i) {
    column[i] = static_cast<float>(ElementAt(tensor, t * size + i));
  }
}

}  // namespace rnnserve
