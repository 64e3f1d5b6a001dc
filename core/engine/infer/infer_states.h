// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_INFER_INFER_STATES_H_
#define RNNSERVE_CORE_ENGINE_INFER_INFER_STATES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/engine/calls.h"
#include "core/model/model.h"
#include "core/session/session_state.h"

namespace rnnserve {

// Returns the state at which each row of the batch begins: the one that the call gives, or the
// model's initial state. Errors: those of SessionState::FromTensors. REQUIRES: the input is valid.
absl::StatusOr<std::vector<SessionState>> InitialStates(const Model& model, const InferCall& call);

// Returns the state tensors of the rows, stacked: each [batch, ...], in the order of the model's
// layout.
std::vector<StateValue> StackStates(const Model& model, absl::Span<const SessionState> rows);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_INFER_INFER_STATES_H_
