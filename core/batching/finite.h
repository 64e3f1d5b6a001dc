// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_FINITE_H_
#define RNNSERVE_CORE_BATCHING_FINITE_H_

#include "absl/types/span.h"
#include "core/model/state_layout.h"

namespace rnnserve {

// Returns whether every value is finite: neither an infinity nor a NaN.
bool AllFinite(absl::Span<const float> values);

// Returns whether every state tensor that clients can see is finite in this state block. Ignores
// the rest of the block.
bool AllStatesFinite(const StateLayout& layout, const float* block);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_FINITE_H_
