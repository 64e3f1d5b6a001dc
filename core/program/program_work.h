// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_WORK_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_WORK_H_

#include <cstdint>

#include "core/program/program.h"

namespace rnnserve {

// Returns about how many multiply-adds or elements the operation computes for one row: for a
// product the product of all extents of its equation, for a convolution or pool the elements of the
// result times those of the window, for a reduction the elements that it reads, for sorting n log n,
// else the elements of the result. Stops counting at 2^62.
// REQUIRES: InferResults accepts the operation.
int64_t WorkOf(const Program& program, const Program::Operation& operation);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_WORK_H_
