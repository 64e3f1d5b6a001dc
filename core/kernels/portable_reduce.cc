// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/portable_reduce.h"

#include <Eigen/Core>
#include <cmath>

namespace rnnserve {
namespace {

using ConstVector = Eigen::Map<const Eigen::ArrayXf>;
using Vector = Eigen::Map<Eigen::ArrayXf>;

float Combined(Reduction reduction, float a, float b) {
  switch (reduction) {
    case Reduction::kSum:
      return a + b;
    case Reduction::kProduct:
      return a * b;
    case Reduction::kMax:
      return std::isnan(a) || std::isnan(b) ? a + b : a > b ? a : b;
    case Reduction::kMin:
      return std::isnan(a) || std::isnan(b) ? a + b : a < b ? a : b;
  }
  return a;
}

}  // namespace

float PortableReduceVector(Reduction reduction, const float* values, int64_t n) {
  float result = values[0];
  for (int64_t i = 1; i < n; ++i) result = Combined(reduction, result, values[i]);
  return result;
}

void PortableReduceRows(Reduction reduction, const RowsToReduce& rows, bool goes_on, int64_t n,
                        float* result) {
  Vector to(result, n);
  if (!goes_on) to = ConstVector(rows.values, n);
  for (int64_t k = goes_on ? 0 : 1; k < rows.count; ++k) {
    const float* const row = rows.values + k * rows.stride;
    for (int64_t j = 0; j < n; ++j) result[j] = Combined(reduction, result[j], row[j]);
  }
}

float PortableDotVectors(const float* a, const float* b, int64_t n) {
  float sum = 0.0f;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void PortableDotRows(const DotRowsArguments& rows, int64_t n) {
  for (int64_t r = 0; r < rows.count; ++r) {
    rows.result[r * rows.result_stride] =
        PortableDotVectors(rows.a + r * rows.a_stride, rows.b + r * rows.b_stride, n);
  }
}

void PortableWeightedSum(const float* factors, int64_t factor_stride, const RowsToReduce& rows,
                         bool goes_on, int64_t n, float* result) {
  Vector to(result, n);
  if (!goes_on) to.setZero();
  for (int64_t k = 0; k < rows.count; ++k) {
    to += factors[k * factor_stride] * ConstVector(rows.values + k * rows.stride, n);
  }
}

}  // namespace rnnserve
