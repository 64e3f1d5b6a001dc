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

// Commits a change of many sessions, and tells when each of them is as durable as its own commit
// would have waited for. The first kInFlightMax, or fewer if their states take kInFlightBytesMax,
// are on their way to the store at once; the leases of the others wait here, and so do calls on
// these sessions. So a reset of a million sessions does not fill the queue of the store.
//
//   const auto commits = std::make_shared<CommitSweep>(durable);
//   for (SessionLease& lease : leases) commits->Add(std::move(lease));
//   commits->Finish([](const absl::Status& status) { ... });
//
// Owns the leases that wait; is owned by whoever adds some and by what is on its way. Thread-safe.
// The sessions must outlive it. Callbacks as Checkpointer has them.
class CommitSweep : public std::enable_shared_from_this<CommitSweep> {
 public:
  // As many as a WriteBuffer has, for the same reasons.
  static constexpr int64_t kInFlightMax = 256;
  static constexpr int64_t kInFlightBytesMax = int64_t{64} << 20;

  explicit CommitSweep(DurableSessions& durable) : durable_(durable) {}
  CommitSweep(const CommitSweep&) = delete;
  CommitSweep& operator=(const CommitSweep&) = delete;

  // The state of the session has changed.
  void Add(SessionLease lease);

  // None is added any more. `done` gets the first of the errors of DurableSessions::Commit, if
  // there are any, when the last session is answered. REQUIRES: called once.
  void Finish(DurableSessions::Done done);

 private:
  void Pump();
  void OnAnswer(int64_t bytes, const absl::Status& status);
  // One that was to come has: a session's answer, or Finish.
  void Arrive();

  DurableSessions& durable_;

  absl::Mutex mu_;
  std::deque<SessionLease> waiting_ ABSL_GUARDED_BY(mu_);
  int64_t num_in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_in_flight_ ABSL_GUARDED_BY(mu_) = 0;  // of states
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  int64_t remaining_ ABSL_GUARDED_BY(mu_) = 1;       // answers, and Finish
  DurableSessions::Done done_ ABSL_GUARDED_BY(mu_);  // null until Finish
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_RESET_COMMIT_SWEEP_H_
