// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_INITIAL_STATE_H_
#define RNNSERVE_CORE_PROGRAM_INITIAL_STATE_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/program/program.h"

namespace rnnserve {

// Checks that the weight with which a state begins holds values of the state's type: whole numbers
// from -2^24 to 2^24 for int32, 0 and 1 for bool. Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS.
absl::Status CheckInitialState(const Program& program, const Program::State& state,
                               absl::Span<const float> weight);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_INITIAL_STATE_H_
