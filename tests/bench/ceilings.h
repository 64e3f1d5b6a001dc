// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_CEILINGS_H_
#define RNNSERVE_TESTS_BENCH_CEILINGS_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"

namespace rnnserve::testing {

// Functions that use one core as fully as the active instruction set allows, either multiplying and
// adding or reading. The caller times them. REQUIRES: ActiveIsa() is not kPortable, which has no
// vector registers to fill.

// Multiplies and adds in registers only, in enough independent chains that none waits for another.
// Sets `*num_operations` to the number of operations; a multiplication and an addition are two.
// Returns a value that depends on all of them, so that the compiler cannot remove them.
float MultiplyAndAdd(int64_t num_rounds, double* num_operations);

// Does the same with pairs of bfloat16, whose two products are added to one float32 sum: four
// operations for each lane. REQUIRES: ActiveIsa() is kAvx512Bf16.
float MultiplyAndAddPairs(int64_t num_rounds, double* num_operations);

// Does the same with groups of four int8 weights and 16-bit inputs. The two bytes of an input are
// multiplied one after the other. Two instructions do eight operations in each lane, all exact.
// REQUIRES: ActiveIsa() is kAvx512Vnni or kAvx512Bf16.
float MultiplyAndAddFours(int64_t num_rounds, double* num_operations);

constexpr int64_t kReadQuantum = 128;
// Returns the sum of all values. Reads each value once, front to back, in one stream or in two or
// four streams at once; the cache level decides which is fastest. REQUIRES: num_streams is 1, 2 or
// 4; the size is a multiple of kReadQuantum.
float ReadAll(const AlignedBuffer& values, int num_streams);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_CEILINGS_H_
