// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_listing.h"

#include <atomic>

#include "absl/strings/match.h"
#include "core/session/session.h"
#include "core/session/session_index.h"

namespace rnnserve {
namespace {

absl::Duration IdleTime(const Session& session, int64_t now) {
  return session.line.is_free() ? absl::Nanoseconds(now - session.last_use) : absl::ZeroDuration();
}

// Returns whether the session passes all of the filter except the prefix of its id.
bool IsListed(const Session& session, const SessionFilter& filter, int64_t now) {
  return (filter.model_name.empty() || session.model.name == filter.model_name) &&
         (filter.model == nullptr || session.model.model.get() == filter.model) &&
         IdleTime(session, now) >= filter.min_idle;
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

std::optional<std::string> ListNext(const SessionIndex& sessions, const SessionFilter& filter,
                                    absl::string_view after, int num_sessions, int64_t now,
                                    std::vector<SessionSummary>& summaries) {
  std::optional<std::string> last_id;
  int num_visited = 0;
  const auto add_if_listed = [&](const Session& session) {
    if (IsListed(session, filter, now)) summaries.push_back(Summarize(session, now));
  };
  if (after < filter.id_prefix) {
    // The prefix itself may be an id; every other id with that prefix is above it.
    after = filter.id_prefix;
    const Session* const session = sessions.Find(after);
    if (session != nullptr) add_if_listed(*session);
  }
  sessions.ForEachAbove(after, [&](const Session& session) {
    if (!absl::StartsWith(session.id.view(), filter.id_prefix)) return false;
    add_if_listed(session);
    if (++num_visited < num_sessions) return true;
    last_id = std::string(session.id.view());
    return false;
  });
  return last_id;
}

}  // namespace rnnserve
