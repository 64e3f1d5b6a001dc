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

// What a client is told of a step that was done but is not stored. One that may be sent again is
// told what the store said; any other gets ABORTED (NOT_DURABLE), which no client sends again by
// itself.
absl::Status NotStoredError(absl::Status status, bool may_be_sent_again);

// The sessions of an engine together with the store behind them, if there is one: what opens,
// changes or ends a session goes through here. Sessions that are spilled come back by themselves.
// Without a store every session is of Durability::kNone, and nothing waits or is spilled.
//
// Thread-safe. Clock, sessions and observer must outlive it. Callbacks as Checkpointer has them.
class DurableSessions {
 public:
  using Done = Checkpointer::Done;
  // Of a session that was opened.
  struct Opened {
    std::string id;
    uint64_t epoch;
  };
  using OpenCallback = absl::AnyInvocable<void(absl::StatusOr<Opened>)>;

  DurableSessions(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                  std::optional<DurabilityConfig> store, Checkpointer::FindModel find_model);
  DurableSessions(const DurableSessions&) = delete;
  DurableSessions& operator=(const DurableSessions&) = delete;

  // What a session gets that asks for `requested`, or for nothing. Errors: FAILED_PRECONDITION
  // (NO_STORE); INVALID_ARGUMENT (DURABILITY): it is not detached.
  absl::StatusOr<Durability> Resolve(std::optional<Durability> requested, bool detached) const;

  // Opens a session and calls back when it is stored, if it is durable. Calls on it
  // wait meanwhile. Errors: those of SessionTable::Open and Checkpointer::Create.
  void Open(SessionTable::OpenRequest request, OpenCallback callback);

  // SessionTable::Lease, but a session of this server that was spilled is brought back: what every
  // call begins with. Errors, beside those of Lease: those of SessionSpill::BringBack.
  void Lease(absl::string_view id, SessionTable::LeaseCallback callback);
  // The same of several sessions, as SessionTable::LeaseAll. RESOURCE_EXHAUSTED (SESSION_LIMIT):
  // they do not fit into memory together.
  void LeaseAll(std::vector<std::string> ids, SessionTable::LeaseAllCallback callback);
  // Lease, but a session that is not this server's is looked for in the store.
  void LeaseOrRestore(absl::string_view id, SessionTable::LeaseCallback callback);
  // See SessionSpill::IdsOf. Some may be back or have ended.
  std::vector<std::string> SpilledIdsOf(absl::string_view model_name,
                                        const Model* model = nullptr) const;

  // See SessionSpill::List.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;

  // ALREADY_EXISTS (SESSION_EXISTS) if the session of that id is spilled.
  absl::Status CheckNotSpilled(absl::string_view id) const;
  // Spills others if that is needed, and calls `done`, whether there is room by then or not.
  void MakeRoom(const SessionSpill::Room& room, absl::AnyInvocable<void()> done);

  // See Checkpointer.
  void Commit(SessionLease lease, Done done);
  void CommitNow(SessionLease lease, Done done);
  void End(SessionLease lease, EndReason reason, Done done);

  // The session as bytes that any server with the same key can import. FAILED_PRECONDITION
  // (NO_SNAPSHOT_KEY).
  absl::StatusOr<std::string> Export(const SessionLease& lease) const;
  // What opens an exported session, as a new one of version and replies of then, without durability
  // as yet. Errors: NO_SNAPSHOT_KEY; those of DecodeSnapshot, CheckModel and OpenRequestOf.
  absl::StatusOr<SessionTable::OpenRequest> Import(absl::string_view bytes) const;

  // What a client may show the next server of a session that has to leave this one, see
  // ResumeToken; empty for one that cannot: without a store, or bound to its stream.
  std::string ResumeTokenOf(const SessionSummary& session) const;
  // INVALID_ARGUMENT (RESUME_TOKEN) unless the bytes are such a token, of this session.
  absl::Status CheckResumeToken(absl::string_view session_id, absl::string_view token) const;

  void Tick();
  // See Checkpointer. Without a store there is nothing to do.
  bool Flush(absl::Duration timeout);
  bool FlushForGood(absl::Duration timeout);
  int64_t num_spilled() const { return spill_.has_value() ? spill_->num_spilled() : 0; }
  Checkpointer::Load load() const;

 private:
  void LeaseAllAgain(std::vector<std::string> ids, int num_attempts_left,
                     SessionTable::LeaseAllCallback callback);
  void OpenWithRoom(SessionTable::OpenRequest request, OpenCallback callback);
  // `num_attempts_left`: there may be no room for what comes.
  void Restore(const std::string& id, int num_attempts_left, SessionTable::LeaseCallback callback);

  const Clock& clock_;
  SessionTable& sessions_;
  const std::optional<SnapshotKeys> keys_;
  const Durability default_durability_;
  const Checkpointer::FindModel find_model_;
  // Both or none. The checkpointer is the first to go: its callbacks need the other.
  std::optional<SessionSpill> spill_;
  std::optional<Checkpointer> checkpointer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_DURABLE_SESSIONS_H_
