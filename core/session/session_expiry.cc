// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_expiry.h"

#include <algorithm>

#include "core/session/session.h"

namespace rnnserve {

void SessionExpiry::Add(Session& session) {
  SetTime(session, session.ExpiryAfter(session.last_use));
}

void SessionExpiry::Remove(Session& session) { SetTime(session, Session::kNever); }

void SessionExpiry::OnWatched(Session& session) {
  const int64_t warning = WarningBefore(session.ExpiryAfter(session.last_use), session);
  if (warning < session.expiry_check) SetTime(session, warning);
}

std::optional<uint32_t> SessionExpiry::NextDue(int64_t now) const {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  return order_.begin()->second;
}

SessionExpiry::Verdict SessionExpiry::Look(Session& session, int64_t now) {
  // A session in use cannot expire sooner than if it were returned right now.
  const int64_t expiry = session.ExpiryAfter(session.line.is_free() ? session.last_use : now);
  if (expiry <= now) return Verdict::kExpired;
  if (const int64_t warning = WarningBefore(expiry, session); warning > now) {
    SetTime(session, warning);
    return Verdict::kNotYet;
  }
  SetTime(session, expiry);
  return Verdict::kWarn;
}

void SessionExpiry::SetTime(Session& session, int64_t time) {
  order_.erase({session.expiry_check, session.place.index});
  session.expiry_check = time;
  if (time < Session::kNever) order_.insert({time, session.place.index});
}

int64_t SessionExpiry::WarningBefore(int64_t expiry, const Session& session) const {
  if (!session.is_watched || expiry == Session::kNever) return expiry;
  const int64_t timeout = session.idle_timeout;
  // Warn at least two intervals ahead, so that the warning still comes before the expiry if the
  // session is looked at a little late.
  const int64_t lead = std::max(timeout / 10, 2 * interval_);
  // Warn at most half the timeout ahead. Otherwise the next warning could follow right after a use.
  return expiry - std::min(lead, timeout / 2);
}

}  // namespace rnnserve
