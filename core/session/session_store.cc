// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_store.h"

#include <deque>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/session/lease_group.h"
#include "core/session/session.h"
#include "core/session/session_id.h"

namespace rnnserve {
namespace {

bool IsBusy(const Session& session) {
  return session.is_leased || session.is_served || !session.line.empty();
}

absl::Status EndedError(EndReason reason) {
  switch (reason) {
    case EndReason::kClosed:
      return NotFound(EndReasonName(reason), "the session was closed");
    case EndReason::kStreamEnded:
      return NotFound(EndReasonName(reason), "the session ended with its stream");
    case EndReason::kExpired:
      return NotFound(EndReasonName(reason), "the session was idle for too long and expired");
    case EndReason::kBroken:
      return NotFound(EndReasonName(reason), "the session was ended after an internal error");
  }
  return absl::OkStatus();
}

}  // namespace

SessionStore::SessionStore(const Clock& clock, EndCallback on_end, Options options)
    : clock_(clock),
      on_end_(std::move(on_end)),
      options_(options),
      tombstones_(options.max_tombstones) {}

SessionStore::~SessionStore() = default;

absl::StatusOr<std::string> SessionStore::Open(OpenRequest request) {
  if (request.id.empty()) request.id = RandomSessionId();
  const auto session = std::make_shared<Session>(std::move(request));

  absl::MutexLock lock(&mu_);
  RNNSERVE_RETURN_IF_ERROR(CheckRoomForLocked(*session));
  sessions_.emplace(session->id, session);
  tombstones_.Remove(session->id);
  for (Usage* usage : {&usage_[session->model_name], &total_}) {
    ++usage->sessions;
    usage->state_bytes += session->state_bytes;
  }
  session->last_use = clock_.Now();
  ScheduleExpiryLocked(*session, session->last_use + session->idle_timeout);
  return session->id;
}

absl::Status SessionStore::CheckRoomForLocked(const Session& session) const {
  if (sessions_.contains(session.id)) {
    return MakeError(absl::StatusCode::kAlreadyExists, "SESSION_EXISTS",
                     "a session of that id is open");
  }
  if (total_.sessions >= options_.max_sessions) {
    return ResourceExhausted(
        "SESSION_LIMIT",
        absl::StrCat(total_.sessions, " sessions are open, of at most ", options_.max_sessions),
        options_.retry_delay);
  }
  if (session.state_bytes > options_.max_state_bytes - total_.state_bytes) {
    return ResourceExhausted(
        "STATE_BYTES_LIMIT",
        absl::StrCat("the state takes ", session.state_bytes, " bytes; ", total_.state_bytes,
                     " are in use, of at most ", options_.max_state_bytes),
        options_.retry_delay);
  }
  return absl::OkStatus();
}

void SessionStore::Lease(absl::string_view id, LeaseCallback callback) {
  absl::StatusOr<SessionPtr> session;
  bool must_serve = false;
  {
    absl::MutexLock lock(&mu_);
    session = FindWithRoomLocked(id);
    if (session.ok()) {
      must_serve = EnqueueLocked(**session, std::move(callback));
      callback = nullptr;
    }
  }
  if (callback != nullptr) callback(session.status());
  if (must_serve) ServeLine(*session);
}

void SessionStore::LeaseAll(absl::Span<const std::string> ids, LeaseAllCallback callback) {
  const auto group = std::make_shared<LeaseGroup>(ids.size(), std::move(callback));
  absl::Status error;
  std::vector<SessionPtr> to_serve;
  {
    absl::MutexLock lock(&mu_);
    std::vector<SessionPtr> sessions;
    for (const std::string& id : ids) {
      auto session = FindWithRoomLocked(id);
      error.Update(session.status());
      if (session.ok()) sessions.push_back(*std::move(session));
    }
    if (error.ok()) {
      to_serve = EnqueueAllLocked(sessions, [&group](size_t i) {
        return
            [group, i](absl::StatusOr<SessionLease> lease) { group->Arrive(i, std::move(lease)); };
      });
    }
  }
  for (const SessionPtr& session : to_serve) ServeLine(session);
  if (error.ok()) return;
  for (size_t i = 0; i < ids.size(); ++i) group->Arrive(i, error);
}

void SessionStore::LeaseEach(absl::string_view model_name, std::function<void(SessionLease)> each,
                             absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done) {
  absl::StatusOr<int64_t> answer = 0;
  std::vector<SessionPtr> to_serve;
  {
    absl::MutexLock lock(&mu_);
    std::vector<SessionPtr> sessions;
    absl::Status error;
    for (const auto& [id, session] : sessions_) {
      if (session->model_name != model_name) continue;
      error.Update(CheckRoomInLineLocked(*session));
      sessions.push_back(session);
    }
    if (!error.ok()) answer = error;
    if (answer.ok() && !sessions.empty()) {
      const auto sweep =
          std::make_shared<LeaseSweep>(sessions.size(), std::move(each), std::move(done));
      done = nullptr;
      to_serve = EnqueueAllLocked(sessions, [&sweep](size_t) {
        return [sweep](absl::StatusOr<SessionLease> lease) { sweep->Arrive(std::move(lease)); };
      });
    }
  }
  if (done != nullptr) done(answer);
  for (const SessionPtr& session : to_serve) ServeLine(session);
}

void SessionStore::Return(const SessionPtr& session) {
  {
    absl::MutexLock lock(&mu_);
    session->is_leased = false;
    session->last_use = clock_.Now();
    if (session->is_served || session->line.empty()) return;
    session->is_served = true;
  }
  ServeLine(session);
}

void SessionStore::End(const SessionPtr& session, EndReason reason) {
  std::list<LeaseCallback> line;
  {
    absl::MutexLock lock(&mu_);
    RemoveLocked(*session, reason);
    line.swap(session->line);
  }
  on_end_(session->model_name, reason);
  for (LeaseCallback& callback : line) callback(EndedError(reason));
}

void SessionStore::ServeLine(SessionPtr session) {
  // Callbacks return leases, so serving one line makes others ready: these are served after it, by
  // the same loop. A chain of sessions of any length takes no more stack than one.
  thread_local std::deque<std::pair<SessionStore*, SessionPtr>> lines;
  thread_local bool is_serving = false;
  lines.emplace_back(this, std::move(session));
  if (is_serving) return;
  is_serving = true;
  while (!lines.empty()) {
    const auto [store, next] = std::move(lines.front());
    lines.pop_front();
    store->ServeOneLine(next);
  }
  is_serving = false;
}

void SessionStore::ServeOneLine(const SessionPtr& session) {
  while (true) {
    LeaseCallback next;
    {
      absl::MutexLock lock(&mu_);
      if (session->is_leased || session->line.empty()) {
        session->is_served = false;
        return;
      }
      session->is_leased = true;
      next = std::move(session->line.front());
      session->line.pop_front();
    }
    next(SessionLease(this, session));
  }
}

absl::StatusOr<SessionStore::SessionPtr> SessionStore::FindWithRoomLocked(
    absl::string_view id) const {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) {
    const auto end = tombstones_.Find(id);
    if (end.has_value()) return EndedError(*end);
    return NotFound("SESSION_UNKNOWN", "there is no session of that id");
  }
  RNNSERVE_RETURN_IF_ERROR(CheckRoomInLineLocked(*it->second));
  return it->second;
}

absl::Status SessionStore::CheckRoomInLineLocked(const Session& session) const {
  if (static_cast<int64_t>(session.line.size()) < options_.max_waiting) return absl::OkStatus();
  return ResourceExhausted(
      "SESSION_QUEUE_LIMIT",
      absl::StrCat(session.line.size(), " calls of the session are waiting, of at most ",
                   options_.max_waiting),
      options_.retry_delay);
}

bool SessionStore::EnqueueLocked(Session& session, LeaseCallback callback) {
  session.line.push_back(std::move(callback));
  if (session.is_leased || session.is_served) return false;
  session.is_served = true;
  return true;
}

std::vector<SessionStore::SessionPtr> SessionStore::EnqueueAllLocked(
    absl::Span<const SessionPtr> sessions, absl::FunctionRef<LeaseCallback(size_t)> make_callback) {
  std::vector<SessionPtr> to_serve;
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (EnqueueLocked(*sessions[i], make_callback(i))) to_serve.push_back(sessions[i]);
  }
  return to_serve;
}

std::vector<SessionStore::Summary> SessionStore::List(absl::string_view model_name,
                                                      absl::string_view after,
                                                      int64_t limit) const {
  std::vector<Summary> summaries;
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  for (auto it = sessions_.upper_bound(after);
       it != sessions_.end() && static_cast<int64_t>(summaries.size()) < limit; ++it) {
    const Session& session = *it->second;
    if (!model_name.empty() && session.model_name != model_name) continue;
    summaries.push_back(
        {session.id, session.model_name, session.version.load(std::memory_order_relaxed),
         session.epoch, session.detached,
         IsBusy(session) ? absl::ZeroDuration() : now - session.last_use, session.state_bytes});
  }
  return summaries;
}

int64_t SessionStore::ExpireIdle() {
  std::vector<SessionPtr> expired;
  {
    absl::MutexLock lock(&mu_);
    const absl::Time now = clock_.Now();
    while (!expiry_order_.empty() && expiry_order_.begin()->first <= now) {
      Session& session = *expiry_order_.begin()->second;
      const absl::Time expiry = (IsBusy(session) ? now : session.last_use) + session.idle_timeout;
      if (expiry > now) {
        ScheduleExpiryLocked(session, expiry);
      } else {
        expired.push_back(RemoveLocked(session, EndReason::kExpired));
      }
    }
  }
  for (const SessionPtr& session : expired) on_end_(session->model_name, EndReason::kExpired);
  return static_cast<int64_t>(expired.size());
}

void SessionStore::ScheduleExpiryLocked(Session& session, absl::Time check) {
  expiry_order_.erase({session.expiry_check, &session});
  session.expiry_check = check;
  if (check < absl::InfiniteFuture()) expiry_order_.insert({check, &session});
}

SessionStore::SessionPtr SessionStore::RemoveLocked(Session& session, EndReason reason) {
  ScheduleExpiryLocked(session, absl::InfiniteFuture());
  for (Usage* usage : {&usage_[session.model_name], &total_}) {
    --usage->sessions;
    usage->state_bytes -= session.state_bytes;
  }
  tombstones_.Add(session.id, reason);
  const auto it = sessions_.find(session.id);
  SessionPtr removed = std::move(it->second);
  sessions_.erase(it);
  return removed;
}

SessionStore::Usage SessionStore::usage(absl::string_view model_name) const {
  absl::MutexLock lock(&mu_);
  const auto it = usage_.find(model_name);
  return it == usage_.end() ? Usage() : it->second;
}

}  // namespace rnnserve
