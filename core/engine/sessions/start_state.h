// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_SESSIONS_START_STATE_H_
#define RNNSERVE_CORE_ENGINE_SESSIONS_START_STATE_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/model.h"
#include "core/session/session_state.h"

namespace rnnserve {

// Returns the state that a call asks a session to begin with: `state`, or the model's initial state
// if it is empty. Errors: those of SessionState::FromTensors.
absl::StatusOr<SessionState> StartState(const Model& model, absl::Span<const NamedState> state);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_SESSIONS_START_STATE_H_
