// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_lease.h"

#include <utility>

#include "core/session/session.h"
#include "core/session/session_table.h"

namespace rnnserve {

SessionLease::SessionLease(SessionTable* table, Session* session, StateView state,
                           uint64_t version_on_arrival)
    : table_(table), session_(session), state_(state), version_on_arrival_(version_on_arrival) {}

SessionLease::SessionLease(SessionLease&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)),
      session_(other.session_),
      state_(other.state_),
      version_on_arrival_(other.version_on_arrival_) {}

SessionLease& SessionLease::operator=(SessionLease&& other) noexcept {
  // The destructor of `old` returns the old lease, which may run a callback. By then this lease is
  // complete.
  SessionLease old(std::move(*this));
  table_ = std::exchange(other.table_, nullptr);
  session_ = other.session_;
  state_ = other.state_;
  version_on_arrival_ = other.version_on_arrival_;
  return *this;
}

SessionLease::~SessionLease() {
  if (table_ != nullptr) table_->Return(*session_, /*is_use=*/true);
}

std::string SessionLease::id() const { return std::string(session_->id.view()); }
const std::string& SessionLease::model_name() const { return session_->model.name; }
const std::shared_ptr<const Model>& SessionLease::model() const { return session_->model.model; }
const std::shared_ptr<SessionHost>& SessionLease::host() const { return session_->model.host; }
uint64_t SessionLease::version() const { return session_->version.load(std::memory_order_relaxed); }
uint64_t SessionLease::epoch() const { return session_->epoch.load(std::memory_order_relaxed); }
absl::Duration SessionLease::idle_timeout() const {
  return session_->idle_timeout == Session::kNever ? absl::InfiniteDuration()
                                                   : absl::Nanoseconds(session_->idle_timeout);
}
int SessionLease::reply_window() const { return session_->reply_window; }

SessionProgress SessionLease::ProgressFor(std::optional<uint64_t> index) const {
  SessionProgress progress;
  progress.version = version();
  progress.version_on_arrival = version_on_arrival_;
  progress.epoch = epoch();
  progress.reply_window = reply_window();
  const KeptReply* const reply = index.has_value() ? FindReply(*index) : nullptr;
  if (reply != nullptr) progress.kept_digest = reply->digest;
  return progress;
}

const KeptReply* SessionLease::FindReply(uint64_t index) const {
  return session_->continuity == nullptr ? nullptr : session_->continuity->replies.Find(index);
}

absl::Span<const KeptReply> SessionLease::replies() const {
  if (session_->continuity == nullptr) return {};
  return session_->continuity->replies.replies();
}

void SessionLease::KeepReply(KeptReply reply) {
  if (session_->continuity == nullptr) {
    session_->continuity = std::make_unique<Continuity>(reply_window());
  }
  session_->continuity->replies.Keep(std::move(reply));
}

Durability SessionLease::durability() const { return session_->durability; }

uint64_t SessionLease::durable_version() const {
  if (session_->durability == Durability::kNone) return 0;
  return session_->continuity->durable_version.load(std::memory_order_relaxed);
}

CheckpointProgress& SessionLease::checkpoint() const { return session_->continuity->checkpoint; }

uint64_t SessionLease::durable_revision() const {
  return session_->continuity->durable_revision.load(std::memory_order_relaxed);
}

absl::Time SessionLease::snapshot_time() const {
  return absl::FromUnixNanos(session_->continuity->snapshot_time.load(std::memory_order_relaxed));
}

absl::Time SessionLease::last_use() const { return absl::FromUnixNanos(session_->last_use); }

void SessionLease::CommitStep() { session_->version.fetch_add(1, std::memory_order_relaxed); }

void SessionLease::Attach() {
  if (durability() != Durability::kNone && std::exchange(checkpoint().is_epoch_unstored, true)) {
    return;
  }
  session_->epoch.fetch_add(1, std::memory_order_relaxed);
}

void SessionLease::Return() && { const SessionLease returned = std::move(*this); }

void SessionLease::ReturnUnused() && {
  std::exchange(table_, nullptr)->Return(*session_, /*is_use=*/false);
}

bool SessionLease::Drop() {
  if (!table_->Drop(*session_)) return false;
  table_ = nullptr;
  return true;
}

void SessionLease::End(EndReason reason) && {
  std::exchange(table_, nullptr)->End(*session_, reason);
}

}  // namespace rnnserve
