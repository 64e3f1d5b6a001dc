// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_VECTOR_MAP_H_
#define RNNSERVE_CORE_KERNELS_VECTOR_MAP_H_

#include <cstdint>

namespace rnnserve {

// The functions of floats that Map applies to each element. Their results for NaN and infinity are
// those of the C library. Those named last in each group are computed value by value with the C
// library, the others by vector instructions with errors of at most a few units in the last place.
enum class MapFunction {
  // One operand.
  kNeg,
  kAbs,
  kSign,  // -1, 0 or 1; NaN stays NaN
  kExp,
  kLog,
  kLog1p,
  kSqrt,
  kRsqrt,
  kSquare,
  kSin,
  kCos,
  kTanh,
  kSigmoid,
  kSoftplus,
  kLogSigmoid,
  kSilu,
  kRelu,
  kErf,
  kGelu,  // the exact form, with erf
  kFloor,
  kCeil,
  kRound,     // to the nearest, ties to even
  kIsFinite,  // kIsFinite to kGe return the integers 0 and 1
  kIsNan,
  kExpm1,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kErfc,
  // Two operands.
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,  // NaN if either is NaN
  kMin,
  kPow,
  kRem,  // the sign of the dividend
  kMod,  // the sign of the divisor
  kAtan2,
  // Three operands. The multiplication and the addition are rounded once where the processor does
  // so in one instruction, else twice (see Isa).
  kMulAdd,     // a * b + c
  kMulSub,     // a * b - c
  kNegMulAdd,  // c - a * b
  kWhere,      // the bits of b where the integer a is not zero, else those of c
  // Four and six operands: a * b + c * d (+ e * f). The last product is rounded, the others as in
  // kMulAdd.
  kSumOfProducts,
  kSumOfThreeProducts,
};
constexpr int kMapOperandsMax = 6;

// Returns the number of operands.
int NumOperands(MapFunction function);

// The rows that a call of Map computes: the steps of the operands and the result from one row to the
// next, in floats.
struct MapRows {
  int64_t count = 1;
  int64_t result_stride = 0;
  int64_t strides[kMapOperandsMax] = {};
};

// Computes result[i] := function(operands...) for i in [0, n), in each row. Operand k is
// operands[k][i] or, if bit k of `scalars` is set, operands[k][0]. Nothing but these elements is
// read or written. An element is computed by the same instructions whatever n and its index are.
// REQUIRES: n >= 1; the result is the same memory as an operand that is not a scalar, with the same
// stride, or does not overlap it.
void Map(MapFunction function, unsigned scalars, const float* const* operands, const MapRows& rows,
         int64_t n, float* result);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_VECTOR_MAP_H_
