// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_VECTOR_REDUCE_H_
#define RNNSERVE_CORE_KERNELS_VECTOR_REDUCE_H_

#include <cstdint>

namespace rnnserve {

// Reductions of floats. The order in which elements are combined depends on the arguments' sizes
// and on the instruction set, and on nothing else. Nothing but the elements is read or written, and
// no result overlaps an operand. All sizes are at least 1.

enum class Reduction {
  kSum,
  kMax,  // NaN if an element is NaN
  kMin,
  kProduct,
};

// Returns the reduction of values[i] for i in [0, n).
float ReduceVector(Reduction reduction, const float* values, int64_t n);

// Computes result[j] := the reduction of values[k * stride + j] over k in [0, count), in ascending
// order, for j in [0, n). If `goes_on`, it starts with result[j].
struct RowsToReduce {
  const float* values;
  int64_t stride;
  int64_t count;
};
void ReduceRows(Reduction reduction, const RowsToReduce& rows, bool goes_on, int64_t n,
                float* result);

// Returns the sum of a[i] * b[i] for i in [0, n).
float DotVectors(const float* a, const float* b, int64_t n);

// Computes result[r * result_stride] := the sum of a[r * a_stride + i] * b[r * b_stride + i] for i in
// [0, n), for r in [0, count). The order of a sum does not depend on the other rows.
struct DotRowsArguments {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  int64_t count;
  float* result;
  int64_t result_stride;
};
void DotRows(const DotRowsArguments& rows, int64_t n);

// Computes result[j] := the sum of factors[k * factor_stride] * values[k * stride + j], in ascending
// order of k in [0, count), for j in [0, n). If `goes_on`, it starts with result[j].
void WeightedSum(const float* factors, int64_t factor_stride, const RowsToReduce& rows,
                 bool goes_on, int64_t n, float* result);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_VECTOR_REDUCE_H_
