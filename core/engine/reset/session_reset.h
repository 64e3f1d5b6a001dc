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

// Engine::ResetState: of sessions by their ids, all or none, and of all sessions of a model, each
// to the initial state of the model that it has. It waits for the store as Engine::SetState does of
// each of them. One that the store did not take is reset all the same, and goes there with its next
// change or tick; the callback gets why.
//
// Thread-safe. What it is made of must outlive its calls.
class SessionReset {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;

  SessionReset(SessionTable& sessions, DurableSessions& durable, const ModelTable& models)
      : sessions_(sessions), durable_(durable), models_(models) {}
  SessionReset(const SessionReset&) = delete;
  SessionReset& operator=(const SessionReset&) = delete;

  // REQUIRES: ValidateResetTarget is OK.
  void Start(ResetStateCall call, Callback callback, CallGate::Pass pass);

 private:
  void ResetIds(ResetStateCall call, Callback callback, CallGate::Pass pass);
  void ResetModel(const ResetStateCall& call, Callback callback, CallGate::Pass pass);
  // The state that each model of the name, current or not, is reset to.
  absl::StatusOr<ModelReset::States> StatesFor(const ResetStateCall& call) const;

  SessionTable& sessions_;
  DurableSessions& durable_;
  const ModelTable& models_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_RESET_SESSION_RESET_H_
