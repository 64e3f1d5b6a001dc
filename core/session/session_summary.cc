// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_summary.h"

#include <atomic>

#include "core/session/session.h"

namespace rnnserve {
namespace {

absl::Duration IdleTime(const Session& session, int64_t now) {
  return session.is_free() ? absl::Nanoseconds(now - session.last_use) : absl::ZeroDuration();
}

}  // namespace

SessionSummary Summarize(const Session& session, int64_t now) {
  return {std::string(session.id.view()),
          session.model.name,
          session.version.load(std::memory_order_relaxed),
          session.epoch.load(std::memory_order_relaxed),
          session.detached,
          IdleTime(session, now),
          session.model.state_bytes(),
          session.durability,
          session.durability == Durability::kNone
              ? 0
              : session.continuity->durable_version.load(std::memory_order_relaxed),
          session.model.model->digest()};
}

bool IsListed(const Session& session, const SessionFilter& filter, int64_t now) {
  return (filter.model_name.empty() || session.model.name == filter.model_name) &&
         (filter.model == nullptr || session.model.model.get() == filter.model) &&
         IdleTime(session, now) >= filter.min_idle;
}

}  // namespace rnnserve
