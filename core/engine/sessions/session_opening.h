// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_OPENING_H_
#define RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_OPENING_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/engine/hosting/model_table.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Engine::OpenSession and Engine::ImportSession: makes the request that opens the session and
// answers when the session is open and, if it is durable, stored.
//
// Thread-safe. The constructor's arguments must outlive all calls.
class SessionOpening {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<OpenedSession>)>;

  SessionOpening(const EngineOptions& options, const ModelTable& models, DurableSessions& durable)
      : options_(options), models_(models), durable_(durable) {}
  SessionOpening(const SessionOpening&) = delete;
  SessionOpening& operator=(const SessionOpening&) = delete;

  // Each runs the callback exactly once, with the errors of the Engine's function; the pass is
  // returned after it.
  void Open(const OpenSessionCall& call, Callback callback, CallGate::Pass pass);
  void Import(const ImportSessionCall& call, Callback callback, CallGate::Pass pass);

 private:
  absl::StatusOr<SessionTable::OpenRequest> MakeRequest(const OpenSessionCall& call) const;
  absl::StatusOr<SessionTable::OpenRequest> MakeRequest(const ImportSessionCall& call) const;
  void Open(SessionTable::OpenRequest request, Callback callback, CallGate::Pass pass);

  const EngineOptions& options_;
  const ModelTable& models_;
  DurableSessions& durable_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_SESSIONS_SESSION_OPENING_H_
