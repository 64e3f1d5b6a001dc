// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/checkpointer.h"

#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/parting_snapshots.h"
#include "core/checkpoint/session_snapshot.h"

// Locking
//
// mu_ guards the write buffer, the list of changed sessions and the counters that Flush waits for.
// A session's own progress (CheckpointProgress) belongs to the holder of its lease and needs no
// lock.
//
// Under mu_ no session is leased or returned, no callback or observer runs, and the store is asked
// only for its generation. Completions of the buffer are taken out under mu_ and run after it is
// released. The store calls back under no lock of its own, so mu_ and the store's lock cannot form
// a cycle.
//
// Only Flush, FlushForGood and the destructor block. They wait for the store's answers, which come
// on the store's thread, so none of them may be called there. Everything else continues in a
// callback. A lease that waits for the store delays the calls of that session only.

namespace rnnserve {
namespace {

// How often Flush retries writes that have failed.
constexpr absl::Duration kFlushRetry = absl::Milliseconds(50);

// The number of sessions that ListAll gets in one page.
constexpr int64_t kListedAtOnce = 1000;

bool IsFenced(const absl::Status& status) { return ErrorReason(status) == "FENCED"; }

// Returns whether the same owner has stored a later snapshot.
bool IsStale(const absl::Status& status) { return ErrorReason(status) == "STALE_VERSION"; }

}  // namespace

Checkpointer::Checkpointer(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                           std::unique_ptr<SnapshotStore> store, const SnapshotKeys& keys,
                           const Options& options)
    : clock_(clock),
      sessions_(sessions),
      observer_(observer),
      keys_(keys),
      options_(options),
      buffer_(options.buffer),
      generation_(store->generation()),
      restorer_(clock, sessions, observer, *store, keys, options.extra_time_to_live),
      store_(std::move(store)) {}

Checkpointer::~Checkpointer() {
  {
    // The store's destructor answers the calls in flight. Pump, which those answers call, must not
    // send more.
    absl::MutexLock lock(&mu_);
    is_ending_ = true;
  }
  store_.reset();
  WriteBuffer::Completion dropped;
  {
    absl::MutexLock lock(&mu_);
    dropped = buffer_.Clear(absl::CancelledError("the server stops"));
  }
  dropped.Run();
}

absl::Duration Checkpointer::TimeToLive(absl::Duration idle_timeout) const {
  return idle_timeout + options_.extra_time_to_live;
}

SnapshotWrite Checkpointer::MakeWrite(const SessionLease& lease, Sent& sent) const {
  const Snapshot snapshot = SnapshotOf(lease);
  SnapshotWrite write{snapshot.session_id, FenceOf(lease),
                      EncodeSnapshot(snapshot, keys_.current()), TimeToLive(snapshot.idle_timeout)};
  sent = {snapshot.session_id,
          snapshot.epoch,
          snapshot.version,
          write.fence.version,
          static_cast<int64_t>(write.bytes.size()),
          clock_.Now()};
  return write;
}

void Checkpointer::Create(SessionLease lease, Done done) {
  Sent sent;
  SnapshotWrite write = MakeWrite(lease, sent);
  write.is_first = true;
  store_->Write(std::move(write), [this, sent, lease = std::move(lease),
                                   done = std::move(done)](absl::Status status) mutable {
    observer_.OnCheckpoint(status, sent.bytes, clock_.Now() - sent.time);
    if (IsFenced(status)) {
      status = MakeError(absl::StatusCode::kAlreadyExists, "SESSION_EXISTS",
                         "a session of that id is in the store; attach to it to continue");
    }
    if (!status.ok()) {
      // Not kClosed: the session is in the store, or may be, and an Attach must look for it there.
      std::move(lease).End(EndReason::kMoved);
    } else {
      std::move(lease).Return();
    }
    done(std::move(status));
  });
}

void Checkpointer::Commit(SessionLease lease, Done done) {
  if (lease.durability() == Durability::kSync) {
    return CommitNow(std::move(lease), std::move(done));
  }
  if (lease.durability() == Durability::kAsync) {
    CheckpointProgress& checkpoint = lease.checkpoint();
    ++checkpoint.revision;
    if (IsDue(checkpoint)) {
      Submit(lease);
    } else {
      List(lease);
    }
  }
  std::move(lease).Return();
  done(absl::OkStatus());
}

void Checkpointer::CommitNow(SessionLease lease, Done done) {
  if (lease.durability() == Durability::kNone) return Commit(std::move(lease), std::move(done));
  ++lease.checkpoint().revision;
  Write(std::move(lease),
        [this, done = std::move(done)](absl::Status status, SessionLease written) mutable {
          if (IsFenced(status)) {
            std::move(written).End(EndReason::kMoved);
          } else {
            if (!status.ok()) List(written);
            std::move(written).Return();
          }
          done(std::move(status));
        });
}

void Checkpointer::Store(SessionLease lease, StoreCallback done) {
  if (IsStored(lease)) return done(absl::OkStatus(), std::move(lease));
  Write(std::move(lease), std::move(done));
}

bool Checkpointer::IsStored(const SessionLease& lease) const {
  const CheckpointProgress& checkpoint = lease.checkpoint();
  if (checkpoint.is_epoch_unstored || lease.durable_revision() != checkpoint.revision) return false;
  // The time to live counts from the write, but the idle timeout from the last use, which may be
  // later.
  if (lease.snapshot_time() + options_.extra_time_to_live < lease.last_use()) return false;
  absl::MutexLock lock(&mu_);
  return generation_ == store_->generation();
}

void Checkpointer::Write(SessionLease lease, StoreCallback done) {
  Sent sent;
  SnapshotWrite write = MakeWrite(lease, sent);
  store_->Write(std::move(write), [this, sent, lease = std::move(lease),
                                   done = std::move(done)](absl::Status status) mutable {
    observer_.OnCheckpoint(status, sent.bytes, clock_.Now() - sent.time);
    if (status.ok()) {
      lease.checkpoint().submitted_revision = lease.checkpoint().revision;
      lease.checkpoint().is_epoch_unstored = false;
      sessions_.OnDurable(sent.session_id, sent.epoch, sent.version, sent.revision);
    }
    done(std::move(status), std::move(lease));
  });
}

bool Checkpointer::IsDue(const CheckpointProgress& checkpoint) const {
  const uint64_t changes = checkpoint.revision - checkpoint.submitted_revision;
  return changes >= static_cast<uint64_t>(options_.steps) &&
         clock_.Now() - checkpoint.submitted_time >= options_.min_interval;
}

void Checkpointer::Submit(SessionLease& lease) {
  Sent sent;
  SnapshotWrite write = MakeWrite(lease, sent);
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    status = buffer_.Add(std::move(write),
                         [this, sent](const absl::Status& answer) { OnAnswer(sent, answer); });
  }
  if (status.ok()) {
    lease.checkpoint().submitted_revision = lease.checkpoint().revision;
    lease.checkpoint().submitted_time = sent.time;
    return Pump();
  }
  observer_.OnCheckpoint(status, sent.bytes, absl::ZeroDuration());
  List(lease);
}

void Checkpointer::List(SessionLease& lease) {
  CheckpointProgress& checkpoint = lease.checkpoint();
  if (checkpoint.is_listed) return;
  checkpoint.is_listed = true;
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  listed_.push_back({now, lease.id()});
}

void Checkpointer::SubmitListed(absl::Time time) {
  std::vector<std::string> due;
  {
    absl::MutexLock lock(&mu_);
    while (!listed_.empty() && listed_.front().time <= time) {
      due.push_back(std::move(listed_.front().session_id));
      listed_.pop_front();
    }
    num_submitting_ += static_cast<int64_t>(due.size());
  }
  for (const std::string& session_id : due) {
    sessions_.Lease(session_id, [this, session_id](absl::StatusOr<SessionLease> lease) {
      // The id may belong to another session by now, which is not durable.
      if (lease.ok() && lease->durability() != Durability::kNone) {
        lease->checkpoint().is_listed = false;
        if (lease->checkpoint().is_dirty()) Submit(*lease);
      }
      const absl::Time now = clock_.Now();
      absl::MutexLock lock(&mu_);
      --num_submitting_;
      // The session's line is full: try again at a later Tick.
      if (absl::IsResourceExhausted(lease.status())) listed_.push_back({now, session_id});
    });
  }
}

void Checkpointer::Pump() {
  while (true) {
    std::optional<SnapshotWrite> next;
    {
      const absl::Time now = clock_.Now();
      absl::MutexLock lock(&mu_);
      if (is_ending_) return;
      next = buffer_.Take(now);
    }
    if (!next.has_value()) return;
    const std::string session_id = next->session_id;
    store_->Write(*std::move(next), [this, session_id](const absl::Status& status) {
      WriteBuffer::Completion completion;
      {
        const absl::Time now = clock_.Now();
        absl::MutexLock lock(&mu_);
        completion = buffer_.Finish(session_id, status, now);
        ++num_completing_;
      }
      completion.Run();
      {
        absl::MutexLock lock(&mu_);
        --num_completing_;
      }
      Pump();
    });
  }
}

void Checkpointer::OnAnswer(const Sent& sent, const absl::Status& status) {
  observer_.OnCheckpoint(IsStale(status) ? absl::OkStatus() : status, sent.bytes,
                         clock_.Now() - sent.time);
  if (status.ok()) {
    sessions_.OnDurable(sent.session_id, sent.epoch, sent.version, sent.revision);
  } else if (IsFenced(status)) {
    EndMoved(sent.session_id, sent.epoch);
  }
}

void Checkpointer::EndMoved(const std::string& session_id, uint64_t epoch) {
  sessions_.Lease(session_id, [epoch](absl::StatusOr<SessionLease> lease) {
    // A later session of that id may be open here already.
    if (!lease.ok() || lease->durability() == Durability::kNone || lease->epoch() != epoch) return;
    (*std::move(lease)).End(EndReason::kMoved);
  });
}

void Checkpointer::End(SessionLease lease, EndReason reason, Done done) {
  if (lease.durability() == Durability::kNone) {
    std::move(lease).End(reason);
    return done(absl::OkStatus());
  }
  ++lease.checkpoint().revision;
  const std::string session_id = lease.id();
  const SnapshotFence fence = FenceOf(lease);
  WriteBuffer::Completion dropped;
  {
    absl::MutexLock lock(&mu_);
    dropped = buffer_.Drop(session_id, absl::CancelledError("the session has ended"));
  }
  dropped.Run();
  std::move(lease).End(reason);
  store_->Remove(session_id, fence, std::move(done));
}

void Checkpointer::ListAll() {
  std::string last_id;
  while (true) {
    const auto page = sessions_.List({}, last_id, kListedAtOnce);
    if (page.empty()) return;
    last_id = page.back().id;
    for (const SessionSummary& session : page) {
      if (session.durability == Durability::kNone) continue;
      sessions_.Lease(session.id, [this](absl::StatusOr<SessionLease> lease) {
        if (!lease.ok() || lease->durability() == Durability::kNone) return;
        ++lease->checkpoint().revision;
        List(*lease);
      });
    }
  }
}

void Checkpointer::Tick() {
  const uint64_t generation = store_->generation();
  bool has_lost = false;
  {
    absl::MutexLock lock(&mu_);
    has_lost = std::exchange(generation_, generation) != generation;
  }
  if (has_lost) ListAll();
  SubmitListed(clock_.Now() - options_.interval);
  Pump();
}

bool Checkpointer::Flush(absl::Duration timeout) {
  const absl::Time deadline = clock_.Now() + timeout;
  const auto is_done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return listed_.empty() && num_submitting_ == 0 && num_completing_ == 0 &&
           buffer_.num_waiting() == 0 && buffer_.num_in_flight() == 0;
  };
  do {
    SubmitListed(absl::InfiniteFuture());
    Pump();
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&is_done), kFlushRetry)) return true;
  } while (clock_.Now() < deadline);
  return false;
}

bool Checkpointer::FlushForGood(absl::Duration timeout) {
  const absl::Time deadline = clock_.Now() + timeout;
  const bool stored = Flush(timeout);
  return WritePartingSnapshots(clock_, sessions_, observer_, *store_, keys_.current(), deadline) &&
         stored;
}

Checkpointer::Load Checkpointer::load() const {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  Load load;
  load.listed_sessions = static_cast<int64_t>(listed_.size()) + num_submitting_;
  if (!listed_.empty()) load.oldest_change = now - listed_.front().time;
  load.pending_writes = buffer_.num_waiting() + buffer_.num_in_flight();
  load.pending_bytes = buffer_.bytes();
  return load;
}

}  // namespace rnnserve
