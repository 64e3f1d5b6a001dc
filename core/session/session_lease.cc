// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_lease.h"

#include <utility>

#include "core/session/session.h"
#include "core/session/session_store.h"

namespace rnnserve {

SessionLease::SessionLease(SessionStore* store, std::shared_ptr<Session> session)
    : store_(store), session_(std::move(session)) {}

SessionLease::SessionLease(SessionLease&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)), session_(std::move(other.session_)) {}

SessionLease& SessionLease::operator=(SessionLease&& other) noexcept {
  // The old lease is returned when `old` goes, after this one is whole: a callback may run then.
  SessionLease old(std::move(*this));
  store_ = std::exchange(other.store_, nullptr);
  session_ = std::move(other.session_);
  return *this;
}

SessionLease::~SessionLease() {
  if (store_ != nullptr) store_->Return(session_);
}

const std::string& SessionLease::id() const { return session_->id; }
const std::string& SessionLease::model_name() const { return session_->model_name; }
const std::shared_ptr<const Model>& SessionLease::model() const { return session_->model; }
uint64_t SessionLease::version() const { return session_->version.load(std::memory_order_relaxed); }
uint64_t SessionLease::epoch() const { return session_->epoch; }
SessionState& SessionLease::state() { return session_->state; }
const SessionState& SessionLease::state() const { return session_->state; }

void SessionLease::CommitStep() { session_->version.fetch_add(1, std::memory_order_relaxed); }

void SessionLease::End(EndReason reason) && {
  std::exchange(store_, nullptr)->End(session_, reason);
  session_.reset();
}

}  // namespace rnnserve
