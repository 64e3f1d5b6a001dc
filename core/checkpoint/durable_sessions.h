// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_DURABLE_SESSIONS_H_
#define RNNSERVE_CORE_CHECKPOINT_DURABLE_SESSIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/checkpoint/checkpointer.h"
#include "core/checkpoint/durability_config.h"
#include "core/checkpoint/session_spill.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Returns the error for a step that was done but could not be stored. If the step may be sent
// again, or if `status` is ABORTED, returns `status`, the store's own error. Otherwise returns
// ABORTED (NOT_DURABLE), which clients do not retry by themselves.
absl::Status NotStoredError(absl::Status status, bool may_be_sent_again);

// The sessions of an engine together with the snapshot store behind them, if there is one. Every
// call that opens, changes or ends a session goes through here, and a spilled session is brought
// back when it is called. Without a store every session has Durability::kNone, and nothing waits or
// is spilled.
//
// Owns the checkpointer, which owns the store. Thread-safe. Clock, sessions and observer must
// outlive it. Callbacks run on the calling thread or on the store's, under no lock, and must not
// block.
class DurableSessions {
 public:
  using Done = Checkpointer::Done;
  // A session that was opened.
  struct Opened {
    std::string id;
    uint64_t epoch;
  };
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<Opened>)>;

  DurableSessions(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                  std::optional<DurabilityConfig> store, Checkpointer::FindModel find_model);
  DurableSessions(const DurableSessions&) = delete;
  DurableSessions& operator=(const DurableSessions&) = delete;

  // Returns the durability of a session whose client asks for `requested`, or for none in
  // particular. Errors: FAILED_PRECONDITION (NO_STORE); INVALID_ARGUMENT (DURABILITY): a session
  // that is not detached cannot be durable.
  absl::StatusOr<Durability> Resolve(std::optional<Durability> requested, bool detached) const;

  // Opens a session and, if it is durable, calls back when it is stored. Until then, calls on the
  // session wait. Errors: those of SessionTable::Open and Checkpointer::Create.
  void Open(SessionTable::OpenRequest request, OpenCallback callback);

  // Like SessionTable::Lease, but first brings the session back if this server has spilled it.
  // Errors: those of SessionTable::Lease and of SessionSpill::BringBack.
  void Lease(absl::string_view id, SessionTable::LeaseCallback callback);
  // Like SessionTable::LeaseAll, but brings spilled sessions back first. Errors: those of Lease;
  // RESOURCE_EXHAUSTED (SESSION_LIMIT): the sessions do not fit into memory together.
  void LeaseAll(std::vector<std::string> ids, SessionTable::LeaseAllCallback callback);
  // Like Lease, but if this server does not have the session, restores it from the store.
  void LeaseOrRestore(absl::string_view id, SessionTable::LeaseCallback callback);
  // See SessionSpill::IdsOf. When this returns, some of the sessions may be back in memory or
  // have ended.
  std::vector<std::string> SpilledIdsOf(absl::string_view model_name,
                                        const Model* model = nullptr) const;

  // See SessionSpill::List.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;

  // Returns ALREADY_EXISTS (SESSION_EXISTS) if the session of that id is spilled.
  absl::Status CheckNotSpilled(absl::string_view id) const;
  // Spills other sessions if that is needed, then calls `done`, whether or not there is room by
  // then.
  void MakeRoom(const SessionSpill::Room& room, absl::AnyInvocable<void()> done);

  // See Checkpointer.
  void Commit(SessionLease lease, Done done);
  void CommitNow(SessionLease lease, Done done);
  void End(SessionLease lease, EndReason reason, Done done);

  // Returns the session as bytes that any server with the same key can import. Errors:
  // FAILED_PRECONDITION (NO_SNAPSHOT_KEY).
  absl::StatusOr<std::string> Export(const SessionLease& lease) const;
  // Returns a request that opens an exported session as a new one, with the state, version and
  // replies it had, and without durability; the caller sets that. Errors: FAILED_PRECONDITION
  // (NO_SNAPSHOT_KEY); those of DecodeSnapshot, FindModel, CheckModel and OpenRequestOf.
  absl::StatusOr<SessionTable::OpenRequest> Import(absl::string_view bytes) const;

  // Returns the token (see ResumeToken) that a client shows to the next server when a session has
  // to leave this one. Empty if the session cannot leave: there is no store, or it is bound to its
  // stream.
  std::string ResumeTokenOf(const SessionSummary& session) const;
  // Returns INVALID_ARGUMENT (RESUME_TOKEN) unless `token` is a genuine token of this session.
  absl::Status CheckResumeToken(absl::string_view session_id, absl::string_view token) const;

  // Must be called several times a second: see Checkpointer and SessionSpill.
  void Tick();
  // See Checkpointer. Without a store there is nothing to do, and both return true.
  bool Flush(absl::Duration timeout);
  bool FlushForGood(absl::Duration timeout);
  int64_t num_spilled() const { return spill_.has_value() ? spill_->num_spilled() : 0; }
  Checkpointer::Load load() const;

 private:
  void LeaseAllAgain(std::vector<std::string> ids, int num_attempts_left,
                     SessionTable::LeaseAllCallback callback);
  void OpenWithRoom(SessionTable::OpenRequest request, OpenCallback callback);
  // Tries up to `num_attempts_left` times, because there may be no room for the session when the
  // store returns it.
  void Restore(const std::string& id, int num_attempts_left, SessionTable::LeaseCallback callback);

  const Clock& clock_;
  SessionTable& sessions_;
  const std::optional<SnapshotKeys> keys_;
  const Durability default_durability_;
  const Checkpointer::FindModel find_model_;
  // Both or neither is set. The checkpointer is destroyed first: its callbacks need the spill.
  std::optional<SessionSpill> spill_;
  std::optional<Checkpointer> checkpointer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_DURABLE_SESSIONS_H_
