// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/sessions/start_state.h"

namespace rnnserve {

absl::StatusOr<SessionState> StartState(const Model& model, absl::Span<const NamedState> state) {
  if (state.empty()) return SessionState(model);
  return SessionState::FromTensors(model, state);
}

}  // namespace rnnserve
