// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_HOSTING_MODEL_RETIREMENT_H_
#define RNNSERVE_CORE_ENGINE_HOSTING_MODEL_RETIREMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/hosting/model_table.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Ends the sessions of a replaced model whose grace period is over: those in memory and the spilled
// ones, together with their snapshots in the store.
//
// Thread-safe. The constructor's arguments must outlive all calls.
class ModelRetirement {
 public:
  ModelRetirement(SessionTable& sessions, DurableSessions& durable, CallGate& gate)
      : sessions_(sessions), durable_(durable), gate_(gate) {}
  ModelRetirement(const ModelRetirement&) = delete;
  ModelRetirement& operator=(const ModelRetirement&) = delete;

  // Starts ending the model's sessions; they end later, on other threads. Spilled sessions that
  // could not be brought back are left for the next call.
  void EndSessions(const ModelTable::Expired& expired);

 private:
  // Ends the spilled sessions in `ids`, one after another. Skips those that belong to another
  // model.
  void EndSpilled(const ModelTable::Expired& expired, std::vector<std::string> ids,
                  CallGate::Pass pass);
  // Ends the leased session if it belongs to the model.
  void End(absl::StatusOr<SessionLease> lease, const ModelTable::Expired& expired,
           CallGate::Pass pass);

  SessionTable& sessions_;
  DurableSessions& durable_;
  CallGate& gate_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_MODEL_RETIREMENT_H_
