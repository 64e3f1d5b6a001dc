// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_STEP_SESSION_STEP_H_
#define RNNSERVE_CORE_ENGINE_STEP_SESSION_STEP_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Engine::Step: takes a step through the session's line and the queue to its reply.
//
// Thread-safe. The constructor's arguments must outlive all calls.
class SessionStep {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;

  SessionStep(const Clock& clock, const EngineOptions& options, SessionTable& sessions,
              DurableSessions& durable)
      : clock_(clock), options_(options), sessions_(sessions), durable_(durable) {}
  SessionStep(const SessionStep&) = delete;
  SessionStep& operator=(const SessionStep&) = delete;

  // Waits in line for the session, then advances it. The callback runs exactly once, with the
  // errors of Engine::Step; the pass is returned after it.
  void Start(StepCall call, Callback callback, CallGate::Pass pass);

 private:
  // Queues the step, or answers it at once. Called when it is the step's turn on the session.
  void StepLeased(SessionLease lease, StepCall call, Callback callback, CallGate::Pass pass);
  // Replies to a committed step as soon as the durability of its session allows.
  void CommitStep(SessionLease lease, bool may_be_sent_again, StepResult result, Callback callback,
                  CallGate::Pass pass);

  const Clock& clock_;
  const EngineOptions& options_;
  SessionTable& sessions_;
  DurableSessions& durable_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_SESSION_STEP_H_
