// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_
#define RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_

#include <cstdint>

#include "core/base/tensor_view.h"

namespace rnnserve {

// Copies timestep `t` of a tensor, which is the `size` elements starting at t * size, to a column.
// Token ids become floats, because layers read them as floats. REQUIRES: the tensor has at least (t
// + 1) * size elements.
void CopyTimestep(const TensorView& tensor, int64_t t, int64_t size, float* column);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_COPY_TIMESTEP_H_
