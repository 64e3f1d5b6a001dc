// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_lease.h"

#include <utility>

#include "core/session/session.h"
#include "core/session/session_store.h"

namespace rnnserve {

SessionLease::SessionLease(SessionStore* store, Session* session, StateView state)
    : store_(store), session_(session), state_(state) {}

SessionLease::SessionLease(SessionLease&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      session_(other.session_),
      state_(other.state_) {}

SessionLease& SessionLease::operator=(SessionLease&& other) noexcept {
  // The old lease is returned when `old` goes, after this one is whole: a callback may run then.
  SessionLease old(std::move(*this));
  store_ = std::exchange(other.store_, nullptr);
  session_ = other.session_;
  state_ = other.state_;
  return *this;
}

SessionLease::~SessionLease() {
  if (store_ != nullptr) store_->Return(*session_);
}

std::string SessionLease::id() const { return std::string(session_->id.view()); }
const std::string& SessionLease::model_name() const { return session_->model.name; }
const std::shared_ptr<const Model>& SessionLease::model() const { return session_->model.model; }
uint64_t SessionLease::version() const { return session_->version.load(std::memory_order_relaxed); }
uint64_t SessionLease::epoch() const { return Session::kEpoch; }

void SessionLease::CommitStep() { session_->version.fetch_add(1, std::memory_order_relaxed); }

void SessionLease::End(EndReason reason) && {
  std::exchange(store_, nullptr)->End(*session_, reason);
}

}  // namespace rnnserve
