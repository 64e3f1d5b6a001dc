// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_CEILINGS_H_
#define RNNSERVE_TESTS_BENCH_CEILINGS_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"

namespace rnnserve::testing {

// What one core can do at best, with the instruction set that is active: how fast it multiplies and
// adds, and how fast it reads. To be timed by the caller. REQUIRES: ActiveIsa() is not kPortable,
// which has no vector registers to fill.

// Multiplies and adds in registers alone, in chains enough that none waits for another.
// `*num_operations` is set to how many that were, where a multiplication and an addition are two.
// The result keeps the compiler from leaving them out.
float MultiplyAndAdd(int64_t num_rounds, double* num_operations);

// The same with pairs of bfloat16, whose two products go into one float32 sum: four operations for
// each lane. REQUIRES: ActiveIsa() is kAvx512Bf16.
float MultiplyAndAddPairs(int64_t num_rounds, double* num_operations);

// The same with int8 weights by fours and inputs of 16 bits, whose bytes are multiplied one after
// the other: eight operations for each lane of two instructions, none of which is rounded.
// REQUIRES: ActiveIsa() is kAvx512Vnni or kAvx512Bf16.
float MultiplyAndAddFours(int64_t num_rounds, double* num_operations);

// The sum of all values, which it reads once from begin to end, or in two or four places at once:
// which of these is fastest depends on the cache level. REQUIRES: num_streams is 1, 2 or 4;
// the size is a multiple of kReadQuantum.
constexpr int64_t kReadQuantum = 128;
float ReadAll(const AlignedBuffer& values, int num_streams);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_CEILINGS_H_
