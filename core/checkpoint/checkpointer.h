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
#include "core/checkpoint/checkpoint_observer.h"
#include "core/checkpoint/session_restorer.h"
#include "core/checkpoint/write_buffer.h"
#include "core/session/pinned_model.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// Keeps the durable sessions of a server in a store, and brings them here from there.
//
//   kAsync  a snapshot goes out after `steps` changes, but not within `min_interval` of the last,
//   or
//           at the first Tick that finds a change older than `interval`; nobody waits for it. Of
//           one session the newest wins.
//   kSync   a snapshot goes out with every change, and Commit waits for it.
//
// Whoever restores a session becomes its owner in a new epoch. An owner that lost it is told so by
// the store when it writes, and its copy ends (kMoved): what it answered since its last checkpoint
// is lost, and the next call on it says so.
//
// Lost at a kill, of a session in kAsync: the changes since `durable_version`, which are those of
// `interval`, one Tick and the time of one write, while the store works; of a session that goes on
// stepping, `steps` or those of `min_interval`, and of the time of one write.
//
// Owns the store and what is on its way. Thread-safe. Clock, sessions and observer must outlive it.
// Callbacks run on the calling thread or on the store's, under no lock, and must not block.
class Checkpointer {
 public:
  struct Options {
    // Changes of a session in kAsync after which a snapshot is written. Fewer: less to send again
    // after a loss, and more writes, each of the whole state.
    int64_t steps = 32;
    // The shortest time between two snapshots of a session in kAsync, so that a fast one costs the
    // server no more than a slow one.
    absl::Duration min_interval = absl::Milliseconds(100);
    // How long a change waits for others before a snapshot is written.
    absl::Duration interval = absl::Seconds(1);
    // How long the store keeps a session beyond its idle timeout: the time that a session without
    // a server has to be found again.
    absl::Duration extra_time_to_live = absl::Minutes(10);
    // What waits for the store.
    WriteBuffer::Options buffer{};
  };

  // What the bound of a loss is made of, as it is now.
  struct Load {
    int64_t listed_sessions = 0;   // with changes that no snapshot under way has
    absl::Duration oldest_change;  // since the longest listed of them; zero if there is none
    int64_t pending_writes = 0;    // that wait or are under way
    int64_t pending_bytes = 0;
  };

  using FindModel = SessionRestorer::FindModel;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using StoreCallback = absl::AnyInvocable<void(absl::Status, SessionLease)>;

  Checkpointer(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
               std::unique_ptr<SnapshotStore> store, const SnapshotKeys& keys,
               const Options& options);
  // Answers everything first. REQUIRES: nobody calls it any more.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Stores the first snapshot of a session that was just opened, so that its id is taken on every
  // server; if that fails, the session ends. Errors: ALREADY_EXISTS (SESSION_EXISTS): the store has
  // one; those of SnapshotStore::Write.
  void Create(SessionLease lease, Done done);

  // The state has changed. The lease is returned and `done` runs when the caller may tell: in kSync
  // when the change is stored, else at once. Without durability it does nothing else. Errors:
  // ABORTED (FENCED): the session has ended here, another owner goes on without the change; other
  // errors of SnapshotStore::Write: the change is made, and will be stored with the next.
  void Commit(SessionLease lease, Done done);
  // The same, but in kAsync it waits too: for what must not be undone by a loss.
  void CommitNow(SessionLease lease, Done done);

  // Writes the session as it is and gives the lease back; without a write if the store has it and
  // will keep it for as long as it may be idle. Errors: those of SnapshotStore::Write.
  // REQUIRES: the session is durable.
  void Store(SessionLease lease, StoreCallback done);

  // See SessionRestorer.
  void Restore(const std::string& session_id, FindModel find_model, Done done) {
    restorer_.Restore(session_id, std::move(find_model), std::move(done));
  }
  void Reopen(const std::string& session_id, const SnapshotFence& fence, PinnedModel model,
              SessionTable::LeaseCallback done) {
    restorer_.Reopen(session_id, fence, std::move(model), std::move(done));
  }

  // Ends a session and removes it from the store; `done` runs when nobody can restore it any more,
  // or with the error of SnapshotStore::Remove: then somebody can until its time to live is over.
  void End(SessionLease lease, EndReason reason, Done done);

  // To be called several times a second: sends what is due, what failed once more, and every
  // session if the store may have lost what it had.
  void Tick();

  // Sends everything that has changed; says whether the store has it all before the timeout.
  bool Flush(absl::Duration timeout);
  // The same, and what is not durable but detached is written too, to be found by another server:
  // see WritePartingSnapshots. For a server that stops. REQUIRES: nobody changes a session any
  // more.
  bool FlushForGood(absl::Duration timeout);

  Load load() const;

 private:
  struct Listed {
    absl::Time time;
    std::string session_id;
  };
  // A snapshot on its way, and when it was made.
  struct Sent {
    std::string session_id;
    uint64_t epoch = 0;
    uint64_t version = 0;
    uint64_t revision = 0;
    int64_t bytes = 0;
    absl::Time time;
  };

  // Whether the store has the session as it is, for as long as it may be idle.
  bool IsStored(const SessionLease& lease) const;
  void Write(SessionLease lease, StoreCallback done);
  SnapshotWrite MakeWrite(const SessionLease& lease, Sent& sent) const;
  absl::Duration TimeToLive(absl::Duration idle_timeout) const;
  // Whether a session in kAsync has changed enough, and long enough after its last snapshot.
  bool IsDue(const CheckpointProgress& checkpoint) const;
  // Hands a snapshot to the buffer, or lists the session if that has no room.
  void Submit(SessionLease& lease);
  // Remembers that the session has changed.
  void List(SessionLease& lease);
  // Lists every durable session, as if it had changed.
  void ListAll();
  // Submits those that were listed before `time` and have changed.
  void SubmitListed(absl::Time time);
  // Hands the store what the buffer gives.
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
  int64_t num_submitting_ ABSL_GUARDED_BY(mu_) = 0;  // were listed, and wait for their lease
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;  // of the store, as far as its loss is made up for
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;
  int64_t num_completing_ ABSL_GUARDED_BY(mu_) = 0;  // were answered, and tell it just now

  // Synchronise themselves. The store is the first to go: its callbacks need the others.
  SessionRestorer restorer_;
  std::unique_ptr<SnapshotStore> store_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINTER_H_
