// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_STEP_STEP_OUTPUTS_H_
#define RNNSERVE_CORE_ENGINE_STEP_STEP_OUTPUTS_H_

#include <cstdint>

#include "core/base/float_values.h"
#include "core/base/shape.h"
#include "core/engine/calls.h"
#include "core/model/model.h"

namespace rnnserve {

// The outputs of a step lie one after another in a task and in a kept reply, each [time, ...], or
// [...] without a time axis.

// Returns the shape under which a kept reply has the outputs of `time` timesteps: the shape of the
// model's output; if it has several, [floats], because the shape of each follows from their number
// (Model::TimestepsOfStepOutput).
Shape KeptShape(const Model& model, int64_t time);

// Returns the outputs of a step of `time` timesteps. REQUIRES: `values` are all of them.
StepOutputs SplitOutputs(const Model& model, int64_t time, FloatValues values);

// Returns the outputs of steps of several sessions. REQUIRES: `values` are those of `num_sessions`
// steps of `time` timesteps, session by session.
StepOutputs SplitOutputsOfSessions(const Model& model, int64_t num_sessions, int64_t time,
                                   FloatValues values);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_STEP_OUTPUTS_H_
