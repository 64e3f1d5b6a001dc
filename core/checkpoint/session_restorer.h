// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_SESSION_RESTORER_H_
#define RNNSERVE_CORE_CHECKPOINT_SESSION_RESTORER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/session/pinned_model.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// Restores sessions from the snapshot store into memory.
//
// A snapshot that no server can read is quarantined: its id becomes free, and an operator of the
// store can look at the bytes for kQuarantineTime. A snapshot that another server may be able to
// read, because it has the model, the key or the format that this one lacks, is left alone.
//
// Owns the callbacks that wait for a session. Thread-safe. Clock, sessions, observer and store must
// outlive it. Callbacks run on the calling thread or on the store's, under no lock, and must not
// block.
class SessionRestorer {
 public:
  // Returns the model with the snapshot's model name. If several models have had that name, returns
  // the one that the session was opened with, if it is still there.
  using FindModel = std::function<absl::StatusOr<PinnedModel>(const Snapshot& snapshot)>;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using LeaseCallback = SessionTable::LeaseCallback;

  static constexpr absl::Duration kQuarantineTime = absl::Hours(24);

  // The store keeps a session for its idle timeout plus `extra_time_to_live`.
  SessionRestorer(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                  SnapshotStore& store, const SnapshotKeys& keys,
                  absl::Duration extra_time_to_live);
  SessionRestorer(const SessionRestorer&) = delete;
  SessionRestorer& operator=(const SessionRestorer&) = delete;

  // Opens a session whose owner is another server, or that has no owner any more.
  //
  // A durable session is claimed, which starts a new epoch. A parting snapshot, which a server left
  // behind when it stopped, is removed from the store, so that if several servers ask for it, only
  // one of them gets the session.
  //
  // Errors: NOT_FOUND (SESSION_UNKNOWN); those of SnapshotStore::Read and Claim, DecodeSnapshot,
  // CheckModel, `find_model` and SessionTable::Open; ABORTED (FENCED): another server has just
  // taken the session.
  void Restore(const std::string& session_id, FindModel find_model, Done done);

  // Opens a session that this server has stored and dropped, just as it was, with the same owner
  // and model, and passes its first lease to `done`. Errors: NOT_FOUND (SESSION_MOVED): the store
  // has another owner's snapshot or an older one; NOT_FOUND (SESSION_UNKNOWN): the store has none;
  // the others as for Restore.
  void Reopen(const std::string& session_id, const SnapshotFence& fence, PinnedModel model,
              LeaseCallback done);

 private:
  // Returns the snapshot if its session can continue here.
  absl::StatusOr<Snapshot> Decode(const std::string& session_id, const FindModel& find_model,
                                  const absl::StatusOr<StoredSnapshot>& stored) const;
  // Opens the session of a stored snapshot in memory.
  absl::StatusOr<SessionLease> Open(const std::string& session_id, const FindModel& find_model,
                                    const absl::StatusOr<StoredSnapshot>& stored);
  // Opens a session that has been claimed.
  void OpenClaimed(const std::string& session_id, const FindModel& find_model,
                   const absl::StatusOr<StoredSnapshot>& claimed, Done done);
  // Quarantines the snapshot if it caused the error, then passes the error to `done`.
  void Fail(const std::string& session_id, const absl::StatusOr<StoredSnapshot>& stored,
            absl::Status error, Done done);
  void FinishRestore(const std::string& session_id, const FindModel& find_model, absl::Time begin,
                     const absl::Status& status);

  // Constant after construction.
  const Clock& clock_;
  SessionTable& sessions_;
  CheckpointObserver& observer_;
  SnapshotStore& store_;
  const SnapshotKeys keys_;
  const absl::Duration extra_time_to_live_;

  // Guarded by mu_.
  absl::Mutex mu_;
  // The callbacks that wait for a session, by its id. The first one's call has asked the store.
  absl::flat_hash_map<std::string, std::vector<Done>> restoring_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_RESTORER_H_
