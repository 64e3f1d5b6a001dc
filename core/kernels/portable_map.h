// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PORTABLE_MAP_H_
#define RNNSERVE_CORE_KERNELS_PORTABLE_MAP_H_

#include <cstdint>

#include "core/kernels/vector_map.h"

namespace rnnserve {

// Computes what Map computes, value by value with the C library. Isa kPortable uses it for all
// functions.
void PortableMap(MapFunction function, unsigned scalars, const float* const* operands,
                 const MapRows& rows, int64_t n, float* result);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PORTABLE_MAP_H_
