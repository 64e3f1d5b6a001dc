// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_STEP_INPUT_H_
#define RNNSERVE_CORE_BATCHING_STEP_INPUT_H_

#include <optional>

#include "absl/container/inlined_vector.h"
#include "core/base/tensor_view.h"

namespace rnnserve {

// Holds what one input of the model reads in a step. Borrows its bytes. A value type.
struct StepInput {
  TensorView tensor;               // [time, ...], or [...] for an input without a time axis
  std::optional<TensorView> mask;  // [time], BOOL
};

// All inputs of a step, in the order of the model. Most models have one, which takes no allocation.
using StepInputs = absl::InlinedVector<StepInput, 1>;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_STEP_INPUT_H_
