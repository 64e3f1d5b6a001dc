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

// Brings sessions from the store of snapshots into memory.
//
// A snapshot that no server can read is put aside: its id is free then, and whoever runs the store
// may look at the bytes for kQuarantineTime. One that another server may read, because it has the
// model, the key or the format that is missing here, is left alone.
//
// Owns who waits for a session. Thread-safe. Clock, sessions, observer and store must outlive it.
// Callbacks run on the calling thread or on the store's, under no lock, and must not block.
class SessionRestorer {
 public:
  // The model of the snapshot's name: if there are several, the one that its session was opened
  // with, if that is one of them.
  using FindModel = std::function<absl::StatusOr<PinnedModel>(const Snapshot& snapshot)>;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using LeaseCallback = SessionTable::LeaseCallback;

  static constexpr absl::Duration kQuarantineTime = absl::Hours(24);

  // The store keeps a session for its idle timeout and `extra_time_to_live`.
  SessionRestorer(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                  SnapshotStore& store, const SnapshotKeys& keys,
                  absl::Duration extra_time_to_live);
  SessionRestorer(const SessionRestorer&) = delete;
  SessionRestorer& operator=(const SessionRestorer&) = delete;

  // Opens a session whose owner is another server, or none any more; OK if it is open by then.
  //
  // A durable one is claimed, in a new epoch. One that was not, and that its server left behind
  // when it stopped, is taken out of the store: of several servers that ask for it one gets it.
  //
  // Errors: NOT_FOUND (SESSION_UNKNOWN), those of SnapshotStore::Claim, DecodeSnapshot, CheckModel,
  // `find_model` and SessionTable::Open; ABORTED (FENCED): another server has got it just now.
  void Restore(const std::string& session_id, FindModel find_model, Done done);

  // Opens a session that this server has stored and dropped, as it was, with the same owner and
  // model, and gives its first lease. Errors: NOT_FOUND (SESSION_MOVED, SESSION_UNKNOWN): the store
  // has another owner's, or lacks what it was told; else those of Restore.
  void Reopen(const std::string& session_id, const SnapshotFence& fence, PinnedModel model,
              LeaseCallback done);

 private:
  // The snapshot, if its session can go on here.
  absl::StatusOr<Snapshot> Decode(const std::string& session_id, const FindModel& find_model,
                                  const absl::StatusOr<StoredSnapshot>& stored) const;
  absl::StatusOr<SessionLease> Open(const std::string& session_id, const FindModel& find_model,
                                    const absl::StatusOr<StoredSnapshot>& stored);
  // Opens what was claimed.
  void OpenClaimed(const std::string& session_id, const FindModel& find_model,
                   const absl::StatusOr<StoredSnapshot>& claimed, Done done);
  // Puts the snapshot aside if that is why it failed; then `done` gets the error.
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
  // Who waits for a session from the store; the first has asked for it.
  absl::flat_hash_map<std::string, std::vector<Done>> restoring_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_RESTORER_H_
