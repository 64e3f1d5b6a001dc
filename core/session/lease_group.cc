// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/lease_group.h"

#include <utility>

namespace rnnserve {

LeaseGroup::LeaseGroup(size_t size, SessionTable::LeaseAllCallback callback)
    : callback_(std::move(callback)), leases_(size), remaining_(size) {}

void LeaseGroup::Arrive(size_t index, absl::StatusOr<SessionLease> lease) {
  leases_[index] = std::move(lease);
  // Each arrival releases the lease that it wrote; the last one acquires all of them.
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) Finish();
}

void LeaseGroup::Finish() {
  absl::Status status;
  std::vector<SessionLease> leases;
  leases.reserve(leases_.size());
  for (auto& lease : leases_) {
    if (lease->ok()) {
      leases.push_back(**std::move(lease));
    } else if (status.ok()) {
      status = lease->status();
    }
  }
  if (status.ok()) {
    callback_(std::move(leases));
  } else {
    leases.clear();
    callback_(status);
  }
}

LeaseSweep::LeaseSweep(size_t size, std::function<void(SessionLease)> each,
                       absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done)
    : each_(std::move(each)), done_(std::move(done)), remaining_(size) {}

void LeaseSweep::Arrive(absl::StatusOr<SessionLease> lease) {
  if (lease.ok()) {
    each_(*std::move(lease));
    num_leased_.fetch_add(1, std::memory_order_relaxed);
  }
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    done_(num_leased_.load(std::memory_order_relaxed));
  }
}

}  // namespace rnnserve
