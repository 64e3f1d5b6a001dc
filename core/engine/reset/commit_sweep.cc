// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/reset/commit_sweep.h"

#include <optional>
#include <utility>

namespace rnnserve {

void CommitSweep::Add(SessionLease lease) {
  // The others need not wait for the store, nor for those that do.
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
