// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_
#define RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_

#include <cstdint>

#include "core/base/tensor_view.h"

namespace rnnserve {

// Copies timestep `t` of a tensor, `size` elements counted from element t * size, to a column.
// Token ids become floats, which is how layers read them. REQUIRES: the tensor has that many
// elements.
void CopyTimestep(const TensorView& tensor, int64_t t, int64_t size, float* column);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_
