// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PORTABLE_REDUCE_H_
#define RNNSERVE_CORE_KERNELS_PORTABLE_REDUCE_H_

#include <cstdint>

#include "core/kernels/vector_reduce.h"

namespace rnnserve {

// The functions of vector_reduce.h as plain loops, for Isa kPortable.

float PortableReduceVector(Reduction reduction, const float* values, int64_t n);
void PortableReduceRows(Reduction reduction, const RowsToReduce& rows, bool goes_on, int64_t n,
                        float* result);
float PortableDotVectors(const float* a, const float* b, int64_t n);
void PortableDotRows(const DotRowsArguments& rows, int64_t n);
void PortableWeightedSum(const float* factors, int64_t factor_stride, const RowsToReduce& rows,
                         bool goes_on, int64_t n, float* result);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PORTABLE_REDUCE_H_
