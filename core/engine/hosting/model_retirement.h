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

// Ends the sessions of a model that was replaced and whose time is over, in memory, spilled and in
// the store.
//
// Thread-safe. What it is made of must outlive its calls.
class ModelRetirement {
 public:
  ModelRetirement(SessionTable& sessions, DurableSessions& durable, CallGate& gate)
      : sessions_(sessions), durable_(durable), gate_(gate) {}
  ModelRetirement(const ModelRetirement&) = delete;
  ModelRetirement& operator=(const ModelRetirement&) = delete;

  // Returns before all have ended. Those that could not be brought back are left.
  void EndSessions(const ModelTable::Over& over);

 private:
  // Those of these sessions that are of the model; the next when the one before has ended.
  void EndSpilled(const ModelTable::Over& over, std::vector<std::string> ids, CallGate::Pass pass);
  // If the session is of the model.
  void End(absl::StatusOr<SessionLease> lease, const ModelTable::Over& over, CallGate::Pass pass);

  SessionTable& sessions_;
  DurableSessions& durable_;
  CallGate& gate_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_HOSTING_MODEL_RETIREMENT_H_
