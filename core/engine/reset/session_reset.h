// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_RESET_SESSION_RESET_H_
#define RNNSERVE_CORE_ENGINE_RESET_SESSION_RESET_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/hosting/model_table.h"
#include "core/engine/reset/model_reset.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Engine::ResetState: resets sessions by their ids, all or none, or all sessions of a model. If the
// call gives no state, each session gets the initial state of its own model. For each session it
// waits for the store as Engine::SetState does. A session that the store did not accept is reset
// all the same and is written with its next change or tick; the callback gets the error.
//
// Thread-safe. The constructor's arguments must outlive all calls.
class SessionReset {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;

  SessionReset(SessionTable& sessions, DurableSessions& durable, const ModelTable& models)
      : sessions_(sessions), durable_(durable), models_(models) {}
  SessionReset(const SessionReset&) = delete;
  SessionReset& operator=(const SessionReset&) = delete;

  // Runs the callback exactly once; the pass is returned after it. REQUIRES: ValidateResetTarget is
  // OK.
  void Start(ResetStateCall call, Callback callback, CallGate::Pass pass);

 private:
  void ResetIds(ResetStateCall call, Callback callback, CallGate::Pass pass);
  void ResetModel(const ResetStateCall& call, Callback callback, CallGate::Pass pass);
  // Returns the state for the sessions of each model of the name, current or retiring.
  absl::StatusOr<ModelReset::States> StatesFor(const ResetStateCall& call) const;

  SessionTable& sessions_;
  DurableSessions& durable_;
  const ModelTable& models_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_RESET_SESSION_RESET_H_
