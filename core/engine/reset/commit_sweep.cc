// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/reset/commit_sweep.h"

#include <optional>
#include <utility>

// The lock mu_ guards the queue of leases and the counts, and is held only while these are read or
// changed. Commit and the callback run outside it, so mu_ is never held together with a lock of the
// sessions or of the store and cannot be part of a deadlock.
//
// No thread waits here; leases do, until an answer makes room in flight. A lease waits only while
// other commits are in flight. Each of those is answered, and each answer starts waiting commits.
// So all of them are committed in the end.
//
// `remaining_` reaches zero once, because one of its counts belongs to Finish. The thread that
// counts it down to zero takes `done_` out under mu_ and runs it.

namespace rnnserve {

void CommitSweep::Add(SessionLease lease) {
  // A session that is not in kSync does not wait for the store, so it need not queue behind those
  // that do.
  if (lease.durability() != Durability::kSync) {
    return durable_.Commit(std::move(lease), [](const absl::Status&) {});
  }
  {
    absl::MutexLock lock(&mu_);
    ++remaining_;
    waiting_.push_back(std::move(lease));
  }
  Pump();
}

void CommitSweep::Finish(DurableSessions::Done done) {
  {
    absl::MutexLock lock(&mu_);
    done_ = std::move(done);
  }
  Arrive();
}

void CommitSweep::Pump() {
  while (true) {
    std::optional<SessionLease> next;
    int64_t bytes = 0;
    {
      absl::MutexLock lock(&mu_);
      const bool is_full = num_in_flight_ >= kInFlightMax || bytes_in_flight_ >= kInFlightBytesMax;
      if (waiting_.empty() || is_full) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
      bytes = next->model()->state_layout().bytes();
      ++num_in_flight_;
      bytes_in_flight_ += bytes;
    }
    durable_.Commit(*std::move(next),
                    [self = shared_from_this(), bytes](const absl::Status& status) {
                      self->OnAnswer(bytes, status);
                    });
  }
}

void CommitSweep::OnAnswer(int64_t bytes, const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    --num_in_flight_;
    bytes_in_flight_ -= bytes;
    status_.Update(status);
  }
  Pump();
  Arrive();
}

void CommitSweep::Arrive() {
  DurableSessions::Done done;
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    if (--remaining_ > 0) return;
    done = std::move(done_);
    status = status_;
  }
  done(std::move(status));
}

}  // namespace rnnserve
