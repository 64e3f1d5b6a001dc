// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_RESET_MODEL_RESET_H_
#define RNNSERVE_CORE_ENGINE_RESET_MODEL_RESET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/engine/call_gate.h"
#include "core/engine/reset/commit_sweep.h"
#include "core/model/model.h"
#include "core/session/session_state.h"
#include "core/session/session_table.h"

namespace rnnserve {

// One reset of all sessions of a model. It resets the sessions in memory at one moment, then the
// spilled ones one after another, because together they would not fit into memory. Each session is
// reset once, even if it is spilled or comes back during the reset.
//
// If a spilled session cannot be brought back, for any reason other than that it has ended, the
// reset ends with that error and the remaining spilled sessions keep their states.
//
// Owned by its callbacks. Thread-safe. The constructor's references must outlive it.
class ModelReset : public std::enable_shared_from_this<ModelReset> {
 public:
  // For each model that the name holds or held, the state to which its sessions are reset.
  using States = absl::flat_hash_map<const Model*, std::shared_ptr<const SessionState>>;
  using Callback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;

  // The callback gets the number of sessions that were reset, or an error.
  ModelReset(SessionTable& sessions, DurableSessions& durable, States states, Callback callback,
             CallGate::Pass pass);
  ModelReset(const ModelReset&) = delete;
  ModelReset& operator=(const ModelReset&) = delete;

  // REQUIRES: called once.
  void Start(const std::string& model_name);

 private:
  // Sets the state of a session. Returns false, and changes nothing, if its model was added after
  // this call began: such a session is newer than the reset.
  bool SetState(SessionLease& lease) const;
  void ResetInMemory(SessionLease lease);
  void OnSwept(const std::string& model_name, const absl::StatusOr<int64_t>& num_leased);
  void ResetNextSpilled();

  // Constant after construction.
  SessionTable& sessions_;
  DurableSessions& durable_;
  const States states_;
  const CallGate::Pass pass_;

  // Synchronises itself.
  const std::shared_ptr<CommitSweep> commits_;

  // Guarded by mu_.
  absl::Mutex mu_;
  absl::flat_hash_set<std::string> durable_in_memory_ ABSL_GUARDED_BY(mu_);  // reset ones

  // Used by one thread at a time: the one that runs the current step of the reset.
  Callback callback_;
  std::vector<std::string> spilled_;
  int64_t num_reset_ = 0;
  absl::Status status_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_RESET_MODEL_RESET_H_
