// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_RESET_COMMIT_SWEEP_H_
#define RNNSERVE_CORE_ENGINE_RESET_COMMIT_SWEEP_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/checkpoint/durable_sessions.h"
#include "core/session/session_lease.h"

namespace rnnserve {

// Commits changed sessions, and reports when every one of them is as durable as a commit of its own
// would have made it. At most kInFlightMax of them, or fewer if their states take
// kInFlightBytesMax, are in flight to the store at a time. The leases of the others wait here, and
// so do calls on those sessions. This keeps a reset of a million sessions from filling the store's
// queue.
//
//   const auto commits = std::make_shared<CommitSweep>(durable);
//   for (SessionLease& lease : leases) commits->Add(std::move(lease));
//   commits->Finish([](const absl::Status& status) { ... });
//
// Owns the waiting leases. Owned by its users and by the commits in flight. Thread-safe. The
// DurableSessions must outlive it. Callbacks run like those of Checkpointer.
class CommitSweep : public std::enable_shared_from_this<CommitSweep> {
 public:
  // The limits of a WriteBuffer, for the same reasons.
  static constexpr int64_t kInFlightMax = 256;
  static constexpr int64_t kInFlightBytesMax = int64_t{64} << 20;

  explicit CommitSweep(DurableSessions& durable) : durable_(durable) {}
  CommitSweep(const CommitSweep&) = delete;
  CommitSweep& operator=(const CommitSweep&) = delete;

  // Commits a session whose state has changed.
  void Add(SessionLease lease);

  // Announces that no more sessions will be added. Runs `done` when every commit is answered, with
  // the first error of DurableSessions::Commit if there was one. REQUIRES: called once.
  void Finish(DurableSessions::Done done);

 private:
  // Starts waiting commits while there is room in flight.
  void Pump();
  void OnAnswer(int64_t bytes, const absl::Status& status);
  // Counts down `remaining_` and runs `done_` at zero.
  void Arrive();

  DurableSessions& durable_;

  absl::Mutex mu_;
  std::deque<SessionLease> waiting_ ABSL_GUARDED_BY(mu_);
  int64_t num_in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_in_flight_ ABSL_GUARDED_BY(mu_) = 0;  // of states
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  int64_t remaining_ ABSL_GUARDED_BY(mu_) = 1;       // answers to come, plus one for Finish
  DurableSessions::Done done_ ABSL_GUARDED_BY(mu_);  // null until Finish
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_RESET_COMMIT_SWEEP_H_
