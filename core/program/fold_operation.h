// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_FOLD_OPERATION_H_
#define RNNSERVE_CORE_PROGRAM_FOLD_OPERATION_H_

#include <vector>

#include "core/program/lowering.h"
#include "core/program/program.h"

namespace rnnserve {

// Computes an operation on constants, and returns its results as new constants of `storages`. They
// have the bits that the same operation has in a step. `values` are those of the program.
std::vector<PlannedValue> FoldOperation(const std::vector<Program::Value>& values,
                                        const Program::Operation& operation,
                                        const std::vector<PlannedValue>& operands,
                                        StorageList& storages);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_FOLD_OPERATION_H_
