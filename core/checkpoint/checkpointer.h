// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_CHECKPOINTER_H_
#define RNNSERVE_CORE_CHECKPOINT_CHECKPOINTER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_load.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/checkpoint/checkpoint_options.h"
#include "core/checkpoint/session_restorer.h"
#include "core/checkpoint/write_buffer.h"
#include "core/session/pinned_model.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// Writes the durable sessions of a server to the snapshot store, and restores them from there.
//
//   kAsync  A snapshot is sent after `steps` changes, but not within `min_interval` of the last
//           one, or at the first Tick that finds a change older than `interval`. Nobody waits
//           for it. If several snapshots of a session are queued, the newest replaces the others.
//   kSync   A snapshot is sent with every change, and Commit waits for it.
//
// A server that restores a session becomes its owner in a new epoch. The store tells the former
// owner at its next write, and the former owner's copy ends (kMoved). The changes that it made
// since its last checkpoint are lost even if it has replied to them, and the next call on the
// session says so.
//
// If the server is killed, a session in kAsync loses the changes since `durable_version`. While the
// store works, those are the changes of at most `interval` plus one Tick plus one write. For a
// session that keeps stepping they are at most `steps` changes, or those of `min_interval` if that
// is more, plus those made during one write.
//
// Owns the store and the writes in flight. Thread-safe. Clock, sessions and observer must outlive
// it. Callbacks run on the calling thread or on the store's, under no lock, and must not block.
class Checkpointer {
 public:
  using Options = CheckpointOptions;
  using Load = CheckpointLoad;

  using FindModel = SessionRestorer::FindModel;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using StoreCallback = absl::AnyInvocable<void(absl::Status, SessionLease)>;

  Checkpointer(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
               std::unique_ptr<SnapshotStore> store, const SnapshotKeys& keys,
               const Options& options);
  // Runs every callback first. REQUIRES: nobody calls the Checkpointer any more.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Stores the first snapshot of a session that was just opened, so that its id is taken on every
  // server. If that fails, the session ends. Errors: ALREADY_EXISTS (SESSION_EXISTS): the store has
  // a session of that id; the errors of SnapshotStore::Write.
  void Create(SessionLease lease, Done done);

  // Records that the state has changed. Returns the lease and runs `done` when the caller may tell
  // its client: in kSync when the change is stored, otherwise at once. Without durability it does
  // nothing else. Errors: ABORTED (FENCED): the session has ended here, and another owner continues
  // it without the change; other errors of SnapshotStore::Write: the change is made and will be
  // stored with the next one.
  void Commit(SessionLease lease, Done done);
  // Like Commit, but waits in kAsync too. Used for a change that must survive the loss of the
  // server.
  void CommitNow(SessionLease lease, Done done);

  // Writes the session as it is and passes the lease to `done`. Skips the write if the store has
  // the session and will keep it until the end of its idle timeout. Errors: those of
  // SnapshotStore::Write. REQUIRES: the session is durable.
  void Store(SessionLease lease, StoreCallback done);

  // See SessionRestorer.
  void Restore(const std::string& session_id, FindModel find_model, Done done) {
    restorer_.Restore(session_id, std::move(find_model), std::move(done));
  }
  void Reopen(const std::string& session_id, const SnapshotFence& fence, PinnedModel model,
              SessionTable::LeaseCallback done) {
    restorer_.Reopen(session_id, fence, std::move(model), std::move(done));
  }

  // Ends a session and removes it from the store. `done` runs when nobody can restore it any more.
  // If SnapshotStore::Remove fails, `done` gets its error, and the session can be restored until
  // its time to live ends.
  void End(SessionLease lease, EndReason reason, Done done);

  // Sends the snapshots that are due, retries those that failed, and writes every session again if
  // the store may have lost its contents. Must be called several times a second.
  void Tick();

  // Sends everything that has changed and waits for it. Returns whether the store has all of it
  // before the timeout. Blocks: must not be called from a callback.
  bool Flush(absl::Duration timeout);
  // Does what Flush does, and then writes the detached sessions that are not durable, for other
  // servers to find (see WritePartingSnapshots). Used by a server that is about to stop.
  // REQUIRES: nobody changes a session any more.
  bool FlushForGood(absl::Duration timeout);

  Load load() const;

 private:
  struct Listed {
    absl::Time time;
    std::string session_id;
  };
  // A snapshot in flight, and when it was made.
  struct Sent {
    std::string session_id;
    uint64_t epoch = 0;
    uint64_t version = 0;
    uint64_t revision = 0;
    int64_t bytes = 0;
    absl::Time time;
  };

  // Returns whether the store has the session as it is and will keep it until the end of its idle
  // timeout.
  bool IsStored(const SessionLease& lease) const;
  void Write(SessionLease lease, StoreCallback done);
  SnapshotWrite MakeWrite(const SessionLease& lease, Sent& sent) const;
  absl::Duration TimeToLive(absl::Duration idle_timeout) const;
  // Returns whether a session in kAsync is due for a snapshot: whether it has changed enough, and
  // its last snapshot was long enough ago.
  bool IsDue(const CheckpointProgress& checkpoint) const;
  // Adds a snapshot to the buffer, or lists the session if the buffer has no room.
  void Submit(SessionLease& lease);
  // Lists the session, so that a later Tick submits it.
  void List(SessionLease& lease);
  // Lists every durable session as if it had changed.
  void ListAll();
  // Submits the sessions that were listed at or before `time`.
  void SubmitListed(absl::Time time);
  // Sends writes of the buffer to the store, as many as may be in flight.
  void Pump();
  void OnAnswer(const Sent& sent, const absl::Status& status);
  void EndMoved(const std::string& session_id, uint64_t epoch);

  // Constant after construction.
  const Clock& clock_;
  SessionTable& sessions_;
  CheckpointObserver& observer_;
  const SnapshotKeys keys_;
  const Options options_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  WriteBuffer buffer_ ABSL_GUARDED_BY(mu_);
  std::deque<Listed> listed_ ABSL_GUARDED_BY(mu_);
  // The number of sessions that were taken off the list and wait for their lease.
  int64_t num_submitting_ ABSL_GUARDED_BY(mu_) = 0;
  // The store's generation for which all sessions have been listed again.
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;
  // The number of writes that were answered and whose callbacks are running.
  int64_t num_completing_ ABSL_GUARDED_BY(mu_) = 0;

  // Synchronise themselves. The store is destroyed first: its callbacks need the other members.
  SessionRestorer restorer_;
  std::unique_ptr<SnapshotStore> store_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINTER_H_
