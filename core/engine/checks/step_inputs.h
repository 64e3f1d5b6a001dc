// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_STEP_INPUTS_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_STEP_INPUTS_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "core/batching/step_input.h"
#include "core/engine/calls.h"
#include "core/model/model.h"

namespace rnnserve {

// The inputs of one row, as a StepTask has them: without names, in the order of the model. The
// functions below REQUIRE that the given inputs are in this order (ArrangeInputs).

// Returns the inputs of a step.
StepInputs StepInputsOf(const NamedInputs& inputs);

// Returns the inputs of row `row` of a batch. They point into the same bytes. REQUIRES: the inputs
// are valid for the model.
StepInputs RowOf(const NamedInputs& inputs, size_t row);

// Returns the number of timesteps of a step. REQUIRES: the inputs are valid for the model.
int64_t TimestepsOf(const Model& model, absl::Span<const StepInput> inputs);

// Returns whether all inputs of a batch that have a time axis have the same number of timesteps, as
// in a step. REQUIRES: the inputs have the ranks that the model needs.
bool HaveSameTimesteps(const Model& model, const NamedInputs& inputs);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_STEP_INPUTS_H_
