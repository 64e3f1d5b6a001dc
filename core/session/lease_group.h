// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_LEASE_GROUP_H_
#define RNNSERVE_CORE_SESSION_LEASE_GROUP_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Gathers the leases of SessionTable::LeaseAll and calls back when the last answer has come. Owned
// by the callbacks that feed it. Thread-safe.
class LeaseGroup {
 public:
  // REQUIRES: size >= 1.
  LeaseGroup(size_t size, SessionTable::LeaseAllCallback callback);

  // Takes the answer for session `index`. REQUIRES: called once for each index below the size.
  void Arrive(size_t index, absl::StatusOr<SessionLease> lease);

 private:
  void Finish();

  SessionTable::LeaseAllCallback callback_;
  std::vector<std::optional<absl::StatusOr<SessionLease>>> leases_;  // each written by one thread
  std::atomic<size_t> remaining_;
};

// Passes the leases of SessionTable::LeaseEach on as they come, and counts them. Owned by the
// callbacks that feed it. Thread-safe.
class LeaseSweep {
 public:
  // REQUIRES: size >= 1.
  LeaseSweep(size_t size, std::function<void(SessionLease)> each,
             absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done);

  // Takes the answer for one session. REQUIRES: called `size` times.
  void Arrive(absl::StatusOr<SessionLease> lease);

 private:
  const std::function<void(SessionLease)> each_;
  absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done_;
  std::atomic<int64_t> num_leased_{0};
  std::atomic<size_t> remaining_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_LEASE_GROUP_H_
