// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_LIMITS_H_
#define RNNSERVE_CORE_PROGRAM_LIMITS_H_

#include <cstdint>

namespace rnnserve {

// The limits of a step program. A program that exceeds one is refused before anything of that size
// is allocated. PROGRAMS.md has the table.

// The largest of the programs that we have seen has about 600.
constexpr int64_t kProgramOperationsMax = 16384;
constexpr int64_t kProgramRankMax = 8;
// Elements of one value that is computed, and of a row of an input, output or state.
constexpr int64_t kProgramElementsMax = int64_t{1} << 22;
// The floats that all values of one row take together.
constexpr int64_t kProgramArenaMax = int64_t{1} << 25;
// The multiply-adds and element operations of one step of one row.
constexpr int64_t kProgramWorkMax = int64_t{1} << 34;
// Elements that the text of the program holds itself; each number among the operands is one.
constexpr int64_t kProgramLiteralsMax = int64_t{1} << 18;
constexpr int64_t kProgramStatesMax = 64;
constexpr int64_t kProgramConstantsMax = 16;
constexpr int64_t kProgramInputsMax = 64;
constexpr int64_t kProgramOutputsMax = 64;
constexpr int64_t kProgramWeightsMax = 16384;
// Elements of one weight: those of the largest weight file.
constexpr int64_t kProgramWeightElementsMax = int64_t{1} << 30;
// Names appear in errors and lists.
constexpr int64_t kProgramNameBytesMax = 256;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_LIMITS_H_
