// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/reset/model_reset.h"

#include <algorithm>
#include <utility>

namespace rnnserve {

ModelReset::ModelReset(SessionTable& sessions, DurableSessions& durable, States states,
                       Callback callback, CallGate::Pass pass)
    : sessions_(sessions),
      durable_(durable),
      states_(std::move(states)),
      pass_(std::move(pass)),
      commits_(std::make_shared<CommitSweep>(durable)),
      callback_(std::move(callback)) {}

void ModelReset::Start(const std::string& model_name) {
  // Sessions may be spilled or come back while those in memory are reset, so the list of spilled
  // sessions is read before and after.
  spilled_ = durable_.SpilledIdsOf(model_name);
  sessions_.LeaseEach(
      model_name,
      [self = shared_from_this()](SessionLease lease) { self->ResetInMemory(std::move(lease)); },
      [self = shared_from_this(), model_name](const absl::StatusOr<int64_t>& num_leased) {
        self->OnSwept(model_name, num_leased);
      });
}

bool ModelReset::SetState(SessionLease& lease) const {
  const auto state = states_.find(lease.model().get());
  if (state == states_.end()) return false;
  lease.state().CopyFrom(state->second->block());
  return true;
}

void ModelReset::ResetInMemory(SessionLease lease) {
  if (!SetState(lease)) return;
  if (lease.durability() != Durability::kNone) {
    absl::MutexLock lock(&mu_);
    durable_in_memory_.insert(lease.id());
  }
  commits_->Add(std::move(lease));
}

void ModelReset::OnSwept(const std::string& model_name, const absl::StatusOr<int64_t>& num_leased) {
  if (!num_leased.ok()) return callback_(num_leased.status());
  num_reset_ = *num_leased;
  const std::vector<std::string> spilled_since = durable_.SpilledIdsOf(model_name);
  spilled_.insert(spilled_.end(), spilled_since.begin(), spilled_since.end());
  std::sort(spilled_.begin(), spilled_.end());
  spilled_.erase(std::unique(spilled_.begin(), spilled_.end()), spilled_.end());
  {
    absl::MutexLock lock(&mu_);
    std::erase_if(spilled_, [this](const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return durable_in_memory_.contains(id);
    });
  }
  commits_->Finish([self = shared_from_this()](absl::Status status) {
    // A failed commit does not stop the reset: the other sessions may still succeed.
    self->status_ = std::move(status);
    self->ResetNextSpilled();
  });
}

void ModelReset::ResetNextSpilled() {
  if (spilled_.empty()) {
    if (!status_.ok()) return callback_(status_);
    return callback_(num_reset_);
  }
  const std::string id = std::move(spilled_.back());
  spilled_.pop_back();
  durable_.Lease(id, [self = shared_from_this()](absl::StatusOr<SessionLease> lease) {
    if (!lease.ok() && !absl::IsNotFound(lease.status())) return self->callback_(lease.status());
    if (!lease.ok() || !self->SetState(*lease)) return self->ResetNextSpilled();
    ++self->num_reset_;
    self->durable_.Commit(*std::move(lease), [self](const absl::Status& status) {
      self->status_.Update(status);
      self->ResetNextSpilled();
    });
  });
}

}  // namespace rnnserve
