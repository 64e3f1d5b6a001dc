// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_DURABLE_SESSIONS_H_
#define RNNSERVE_CORE_ENGINE_DURABLE_SESSIONS_H_

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
#include "core/engine/engine_store.h"
#include "core/session/session_lease.h"
#include "core/session/session_store.h"

namespace rnnserve {

// What a client is told of a step that was done but is not stored. One that may be sent again is
// told what the store said; any other gets ABORTED (NOT_DURABLE), which no client sends again by
// itself.
absl::Status NotStoredError(absl::Status status, bool may_be_sent_again);

// The sessions of an engine together with the store behind them, if there is one: what opens,
// changes or ends a session goes through here. Without a store every session is of
// Durability::kNone, and nothing waits.
//
// Thread-safe. Clock, sessions and observer must outlive it. Callbacks as Checkpointer has them.
class DurableSessions {
 public:
  using Done = Checkpointer::Done;

  DurableSessions(const Clock& clock, SessionStore& sessions, CheckpointObserver& observer,
                  std::optional<EngineStore> store, Checkpointer::FindModel find_model);
  DurableSessions(const DurableSessions&) = delete;
  DurableSessions& operator=(const DurableSessions&) = delete;

  // What a session gets that asks for `requested`, or for nothing. Errors: FAILED_PRECONDITION
  // (NO_STORE); INVALID_ARGUMENT (DURABILITY): it is not detached.
  absl::StatusOr<Durability> Resolve(std::optional<Durability> requested, bool detached) const;

  // Opens a session and calls back with its id when it is stored, if it is durable. Calls on it
  // wait meanwhile. Errors: those of SessionStore::Open and Checkpointer::Create.
  void Open(SessionStore::OpenRequest request,
            absl::AnyInvocable<void(absl::StatusOr<std::string>)> callback);

  // SessionStore::Lease, but a session that is not here is looked for in the store.
  void LeaseOrRestore(absl::string_view id, SessionStore::LeaseCallback callback);

  // See Checkpointer.
  void Commit(SessionLease lease, Done done);
  void CommitNow(SessionLease lease, Done done);
  void End(SessionLease lease, EndReason reason, Done done);
  // Commits several; `done` gets one of the errors, if there are any.
  void CommitAll(std::vector<SessionLease> leases, Done done);

  // The session as bytes that any server with the same key can import. FAILED_PRECONDITION
  // (NO_SNAPSHOT_KEY).
  absl::StatusOr<std::string> Export(const SessionLease& lease) const;
  // What opens an exported session, as a new one of version and replies of then, without durability
  // as yet. Errors: NO_SNAPSHOT_KEY; those of DecodeSnapshot, CheckModel and OpenRequestOf.
  absl::StatusOr<SessionStore::OpenRequest> Import(absl::string_view bytes) const;

  // What a client may show the next server of a session that has to leave this one, see
  // ResumeToken; empty for one that is not durable, which cannot.
  std::string ResumeTokenOf(const SessionStore::Summary& session) const;
  // INVALID_ARGUMENT (RESUME_TOKEN) unless the bytes are such a token, of this session.
  absl::Status CheckResumeToken(absl::string_view session_id, absl::string_view token) const;

  void Tick();
  bool Flush(absl::Duration timeout);
  Checkpointer::Load load() const;

 private:
  SessionStore& sessions_;
  const std::optional<SnapshotKeys> keys_;
  const Durability default_durability_;
  const Checkpointer::FindModel find_model_;
  std::optional<Checkpointer> checkpointer_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_DURABLE_SESSIONS_H_
