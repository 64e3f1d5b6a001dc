// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_table.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/session/lease_group.h"
#include "core/session/session.h"
#include "core/session/session_id.h"

namespace rnnserve {
namespace {

// What this thread serves: lines whose is_served it has set, in the order in which it did.
struct Serving {
  std::deque<std::pair<SessionTable*, Session*>> lines;
  bool is_in_callback = false;
};

thread_local Serving serving;

// How many sessions are listed or looked at, and how many expire, before other callers have their
// turn at the lock: of a million, which are in no cache, that takes some 5 microseconds, as long as
// a thread waits for a lock before it sleeps.
constexpr int kListedPerLock = 16;
constexpr int kLookedAtPerLock = 16;
constexpr int kExpiredPerLock = 2;

}  // namespace

SessionTable::SessionTable(const Clock& clock, EndCallback on_end, Options options)
    : clock_(clock),
      on_end_(std::move(on_end)),
      options_(options),
      reply_bytes_(options.max_reply_bytes),
      tombstones_(options.max_tombstones) {}

SessionTable::~SessionTable() = default;

absl::StatusOr<std::string> SessionTable::Open(OpenRequest request) {
  RNNSERVE_ASSIGN_OR_RETURN(const SessionLease lease, OpenLeased(std::move(request)));
  return lease.id();
}

absl::StatusOr<SessionLease> SessionTable::OpenLeased(OpenRequest request) {
  if (request.idle_timeout <= absl::ZeroDuration()) std::abort();
  if (request.reply_window < 1 || request.reply_window > ReplyWindow::kMaxSize) std::abort();
  if (request.id.empty()) request.id = RandomSessionId();
  std::optional<SessionLease> lease;
  {
    absl::MutexLock lock(&mu_);
    RNNSERVE_RETURN_IF_ERROR(CheckRoomForLocked(request));
    Session* const session = AddLocked(request, Now());
    if (session == nullptr) {
      return ResourceExhausted("STATE_BYTES_LIMIT",
                               absl::StrCat("the machine has no memory for more than ",
                                            models_.total().sessions, " sessions"),
                               options_.retry_delay);
    }
    lease = LeaseLocked(*session, request.version);
  }
  // Not under the lock, because a state may be large. Who calls the session already waits in line.
  lease->state().CopyFrom(request.state.block());
  for (KeptReply& reply : request.replies) lease->KeepReply(std::move(reply));
  return *std::move(lease);
}

void SessionTable::NoteEnd(absl::string_view id, EndReason reason, uint64_t epoch) {
  absl::MutexLock lock(&mu_);
  const bool is_news = sessions_.Find(id) == nullptr && tombstones_.EpochOf(id) < epoch;
  if (is_news) tombstones_.Add(id, reason, epoch);
}

void SessionTable::OnDurable(absl::string_view id, uint64_t epoch, uint64_t version,
                             uint64_t revision) {
  const int64_t now = Now();
  absl::MutexLock lock(&mu_);
  const Session* const session = sessions_.Find(id);
  if (session == nullptr || session->durability == Durability::kNone) return;
  if (session->epoch.load(std::memory_order_relaxed) != epoch) return;
  std::atomic<uint64_t>& durable_version = session->continuity->durable_version;
  if (version > durable_version.load(std::memory_order_relaxed)) {
    durable_version.store(version, std::memory_order_relaxed);
  }
  std::atomic<uint64_t>& durable_revision = session->continuity->durable_revision;
  if (revision < durable_revision.load(std::memory_order_relaxed)) return;
  durable_revision.store(revision, std::memory_order_relaxed);
  session->continuity->snapshot_time.store(now, std::memory_order_relaxed);
}

absl::Status SessionTable::CheckRoomForLocked(const OpenRequest& request) const {
  if (sessions_.Find(request.id) != nullptr) {
    return MakeError(absl::StatusCode::kAlreadyExists, "SESSION_EXISTS",
                     "a session of that id is open");
  }
  if (models_.total().sessions >= options_.max_sessions) {
    return ResourceExhausted("SESSION_LIMIT",
                             absl::StrCat(models_.total().sessions,
                                          " sessions are open, of at most ", options_.max_sessions),
                             options_.retry_delay);
  }
  if (request.state.bytes() > options_.max_state_bytes - models_.total().state_bytes) {
    return ResourceExhausted("STATE_BYTES_LIMIT",
                             absl::StrCat("the state takes ", request.state.bytes(), " bytes; ",
                                          models_.total().state_bytes, " are in use, of at most ",
                                          options_.max_state_bytes),
                             options_.retry_delay);
  }
  return absl::OkStatus();
}

Session* SessionTable::AddLocked(const OpenRequest& request, int64_t now) {
  SessionsOfModel& model = models_.FindOrAdd(request.model_name, {request.model, request.host});
  const SessionsOfModelPtr counted = models_.Count(model, 1);
  const std::optional<Arena::Place> state = model.states.Allocate();
  Session* session = nullptr;
  const uint64_t epoch = request.goes_on
                             ? request.epoch
                             : std::max(request.epoch, tombstones_.EpochOf(request.id) + 1);
  if (state.has_value()) {
    session =
        sessions_.Insert({request.id, model, *state, absl::ToInt64Nanoseconds(request.idle_timeout),
                          request.detached, static_cast<uint8_t>(request.reply_window),
                          request.durability, request.version, epoch});
    if (session == nullptr) model.states.Free(*state);
  }
  if (session == nullptr) {
    models_.Count(model, -1);
    return nullptr;
  }
  if (request.durability != Durability::kNone) {
    session->continuity = std::make_unique<Continuity>(request.reply_window);
    session->continuity->checkpoint = {request.nonce, request.revision, request.revision};
    session->continuity->durable_version.store(request.version, std::memory_order_relaxed);
    session->continuity->durable_revision.store(request.revision, std::memory_order_relaxed);
    session->continuity->snapshot_time.store(absl::ToUnixNanos(request.snapshot_time),
                                             std::memory_order_relaxed);
  }
  tombstones_.Remove(request.id);
  session->last_use = now;
  ScheduleExpiryLocked(*session, session->ExpiryAfter(now));
  return session;
}

SessionLease SessionTable::LeaseLocked(Session& session, uint64_t version_on_arrival) {
  session.is_leased = true;
  const Model& model = *session.model.model;
  auto* const block = reinterpret_cast<float*>(session.model.states.At(session.state));
  return {this, &session, StateView({block, static_cast<size_t>(model.state_layout().size)}),
          version_on_arrival};
}

void SessionTable::Lease(absl::string_view id, LeaseCallback callback) {
  absl::StatusOr<Session*> session;
  std::optional<SessionLease> lease;
  bool must_serve = false;
  {
    absl::MutexLock lock(&mu_);
    session = FindWithRoomLocked(id);
    if (session.ok() && (*session)->is_free() && !serving.is_in_callback) {
      // The way of almost every step: nobody waits, so it need not get in line either.
      (*session)->is_served = true;
      lease = LeaseLocked(**session, (*session)->version.load(std::memory_order_relaxed));
    } else if (session.ok()) {
      must_serve = EnqueueLocked(**session, std::move(callback));
      callback = nullptr;
    }
  }
  if (!session.ok()) return callback(session.status());
  if (lease.has_value()) {
    serving.is_in_callback = true;
    std::exchange(callback, nullptr)(*std::move(lease));
    serving.lines.emplace_front(this, *session);
    ServeLines();
  } else if (must_serve) {
    ServeLine(**session);
  }
}

std::vector<std::optional<SessionLease>> SessionTable::LeaseFree(
    absl::Span<const std::string> ids) {
  std::vector<std::optional<SessionLease>> leases(ids.size());
  absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < ids.size(); ++i) {
    Session* const session = sessions_.Find(ids[i]);
    if (session == nullptr || !session->is_free()) continue;
    leases[i] = LeaseLocked(*session, session->version.load(std::memory_order_relaxed));
  }
  return leases;
}

void SessionTable::LeaseAll(absl::Span<const std::string> ids, LeaseAllCallback callback) {
  const auto group = std::make_shared<LeaseGroup>(ids.size(), std::move(callback));
  absl::Status error;
  std::vector<Session*> to_serve;
  {
    absl::MutexLock lock(&mu_);
    std::vector<Session*> sessions;
    for (const std::string& id : ids) {
      auto session = FindWithRoomLocked(id);
      error.Update(session.status());
      if (session.ok()) sessions.push_back(*session);
    }
    if (error.ok()) {
      to_serve = EnqueueAllLocked(sessions, [&group](size_t i) {
        return
            [group, i](absl::StatusOr<SessionLease> lease) { group->Arrive(i, std::move(lease)); };
      });
    }
  }
  for (Session* const session : to_serve) ServeLine(*session);
  if (error.ok()) return;
  for (size_t i = 0; i < ids.size(); ++i) group->Arrive(i, error);
}

void SessionTable::LeaseEach(absl::string_view model_name, std::function<void(SessionLease)> each,
                             absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done) {
  absl::StatusOr<int64_t> answer = 0;
  std::vector<Session*> to_serve;
  {
    absl::MutexLock lock(&mu_);
    std::vector<Session*> sessions;
    absl::Status error;
    sessions_.ForEachAbove("", [&](Session& session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      if (session.model.name != model_name) return true;
      error.Update(CheckRoomInLineLocked(session));
      sessions.push_back(&session);
      return true;
    });
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
  for (Session* const session : to_serve) ServeLine(*session);
}

void SessionTable::Return(Session& session, bool is_use) {
  const int64_t now = Now();
  {
    absl::MutexLock lock(&mu_);
    session.is_leased = false;
    if (is_use) session.last_use = now;
    if (session.is_served || session.num_waiting() == 0) return;
    session.is_served = true;
  }
  ServeLine(session);
}

void SessionTable::End(Session& session, EndReason reason) {
  std::unique_ptr<Session::Line> line;
  SessionsOfModelPtr model;
  std::vector<SessionNews> news;
  {
    absl::MutexLock lock(&mu_);
    line = std::move(session.line);
    model = EndLocked(session, reason, news);
  }
  on_end_(model->name, reason);
  for (const SessionNews& item : news) item.Tell();
  if (line == nullptr) return;
  for (Session::Waiting& waiting : *line) waiting.callback(EndedError(reason));
}

bool SessionTable::Drop(Session& session) {
  SessionsOfModelPtr model;  // may be the last reference to it, so that it goes after the lock
  std::vector<SessionNews> news;
  {
    absl::MutexLock lock(&mu_);
    if (session.num_waiting() > 0) return false;
    model = RemoveLocked(session, SessionNews::Dropped(), news);
  }
  for (const SessionNews& item : news) item.Tell();
  return true;
}

void SessionTable::ServeLine(Session& session) {
  serving.lines.emplace_back(this, &session);
  if (!serving.is_in_callback) ServeLines();
}

void SessionTable::ServeLines() {
  // Callbacks return leases, so serving one line makes others ready: these are served after it, by
  // the same loop. A chain of sessions of any length takes no more stack than one.
  serving.is_in_callback = true;
  while (!serving.lines.empty()) {
    const auto [store, session] = serving.lines.front();
    serving.lines.pop_front();
    store->ServeOneLine(*session);
  }
  serving.is_in_callback = false;
}

void SessionTable::ServeOneLine(Session& session) {
  while (true) {
    Session::Waiting next;
    std::optional<SessionLease> lease;
    {
      absl::MutexLock lock(&mu_);
      if (session.has_ended) return sessions_.Remove(session);
      if (session.is_leased || session.num_waiting() == 0) {
        session.is_served = false;
        return;
      }
      next = std::move(session.line->front());
      session.line->pop_front();
      if (session.line->empty()) session.line.reset();
      lease = LeaseLocked(session, next.version);
    }
    next.callback(*std::move(lease));
  }
}

absl::StatusOr<Session*> SessionTable::FindWithRoomLocked(absl::string_view id) const {
  Session* const session = sessions_.Find(id);
  if (session == nullptr) {
    const auto end = tombstones_.Find(id);
    if (end.has_value()) return EndedError(*end);
    return NotFound("SESSION_UNKNOWN", "there is no session of that id");
  }
  RNNSERVE_RETURN_IF_ERROR(CheckRoomInLineLocked(*session));
  return session;
}

absl::Status SessionTable::CheckRoomInLineLocked(const Session& session) const {
  const auto num_waiting = static_cast<int64_t>(session.num_waiting());
  if (num_waiting < options_.max_waiting) return absl::OkStatus();
  return ResourceExhausted(
      "SESSION_QUEUE_LIMIT",
      absl::StrCat(num_waiting, " calls of the session are waiting, of at most ",
                   options_.max_waiting),
      options_.retry_delay);
}

bool SessionTable::EnqueueLocked(Session& session, LeaseCallback callback) {
  if (session.line == nullptr) session.line = std::make_unique<Session::Line>();
  session.line->push_back({std::move(callback), session.version.load(std::memory_order_relaxed)});
  if (!session.is_free()) return false;
  session.is_served = true;
  return true;
}

std::vector<Session*> SessionTable::EnqueueAllLocked(
    absl::Span<Session* const> sessions, absl::FunctionRef<LeaseCallback(size_t)> make_callback) {
  std::vector<Session*> to_serve;
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (EnqueueLocked(*sessions[i], make_callback(i))) to_serve.push_back(sessions[i]);
  }
  return to_serve;
}

absl::StatusOr<ByteBudget::Share> SessionTable::ReserveReply(int64_t bytes) {
  std::optional<ByteBudget::Share> share = reply_bytes_.Take(bytes);
  if (share.has_value()) return *std::move(share);
  return ResourceExhausted(
      "REPLY_BYTES_LIMIT",
      absl::StrCat("the reply takes ", bytes, " bytes; ", reply_bytes_.used_bytes(),
                   " of kept replies are in use, of at most ", reply_bytes_.max_bytes()),
      options_.retry_delay);
}

std::vector<SessionSummary> SessionTable::List(const SessionFilter& filter, absl::string_view after,
                                               int64_t limit) const {
  std::vector<SessionSummary> summaries;
  std::optional<std::string> last_id(after);
  while (last_id.has_value() && static_cast<int64_t>(summaries.size()) < limit) {
    last_id = ListSome(filter, *last_id, summaries);
  }
  summaries.resize(std::min(summaries.size(), static_cast<size_t>(std::max<int64_t>(limit, 0))));
  return summaries;
}

std::optional<std::string> SessionTable::ListSome(const SessionFilter& filter,
                                                  absl::string_view after,
                                                  std::vector<SessionSummary>& summaries) const {
  std::optional<std::string> last_id;
  int num_visited = 0;
  absl::MutexLock lock(&mu_);
  const int64_t now = Now();
  const auto add_if_listed = [&](const Session& session) {
    if (IsListed(session, filter, now)) summaries.push_back(Summarize(session, now));
  };
  if (after < filter.id_prefix) {
    // Every other id of that prefix is above it.
    after = filter.id_prefix;
    const Session* const session = sessions_.Find(after);
    if (session != nullptr) add_if_listed(*session);
  }
  sessions_.ForEachAbove(after, [&](const Session& session) {
    if (!absl::StartsWith(session.id.view(), filter.id_prefix)) return false;
    add_if_listed(session);
    if (++num_visited < kListedPerLock) return true;
    last_id = std::string(session.id.view());
    return false;
  });
  return last_id;
}

int64_t SessionTable::ExpireIdle() {
  const int64_t now = Now();
  int64_t num_expired = 0;
  bool is_done = false;
  std::vector<SessionsOfModelPtr> expired;
  std::vector<SessionNews> news;
  while (!is_done) {
    {
      absl::MutexLock lock(&mu_);
      is_done = !ExpireSomeLocked(now, expired, news);
    }
    // Who sleeps until the lock is free is not the next to have it: this thread would be.
    std::this_thread::yield();
    for (const SessionsOfModelPtr& model : expired) on_end_(model->name, EndReason::kExpired);
    for (const SessionNews& item : news) item.Tell();
    num_expired += static_cast<int64_t>(expired.size());
    expired.clear();
    news.clear();
  }
  return num_expired;
}

bool SessionTable::ExpireSomeLocked(int64_t now, std::vector<SessionsOfModelPtr>& expired,
                                    std::vector<SessionNews>& news) {
  for (int i = 0; i < kExpiredPerLock; ++i) {
    if (expiry_order_.empty() || expiry_order_.begin()->first > now) return false;
    Session& session = sessions_.At(expiry_order_.begin()->second);
    const int64_t expiry = session.ExpiryAfter(session.is_free() ? session.last_use : now);
    if (expiry <= now) {
      expired.push_back(EndLocked(session, EndReason::kExpired, news));
    } else if (const int64_t warning = WarningBefore(expiry, session); warning > now) {
      ScheduleExpiryLocked(session, warning);
    } else {
      // It is looked at again when it expires, so that it is told once while it idles.
      news.push_back({std::string(session.id.view()), watchers_.Of(session.place.index),
                      absl::Nanoseconds(expiry - now)});
      ScheduleExpiryLocked(session, expiry);
    }
  }
  return true;
}

int64_t SessionTable::WarningBefore(int64_t expiry, const Session& session) const {
  if (!session.is_watched || expiry == Session::kNever) return expiry;
  const int64_t timeout = session.idle_timeout;
  // Twice the interval: a look that comes a little late finds it before it is over.
  const int64_t lead =
      std::max(timeout / 10, absl::ToInt64Nanoseconds(2 * options_.expiry_interval));
  // No more than half: who uses the session after it was told shall not be told again at once.
  return expiry - std::min(lead, timeout / 2);
}

std::optional<SessionSummary> SessionTable::Find(absl::string_view id) const {
  absl::MutexLock lock(&mu_);
  const Session* const session = sessions_.Find(id);
  if (session == nullptr) return std::nullopt;
  return Summarize(*session, Now());
}

void SessionTable::Watch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher) {
  std::optional<EndReason> end;
  {
    absl::MutexLock lock(&mu_);
    if (Session* const session = sessions_.Find(id); session != nullptr) {
      watchers_.Add(session->place.index, watcher);
      session->is_watched = true;
      const int64_t warning = WarningBefore(session->ExpiryAfter(session->last_use), *session);
      if (warning < session->expiry_check) ScheduleExpiryLocked(*session, warning);
      return;
    }
    end = tombstones_.Find(id);
  }
  if (end.has_value()) watcher->OnSessionEnded(id, *end);
}

void SessionTable::Unwatch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher) {
  absl::MutexLock lock(&mu_);
  Session* const session = sessions_.Find(id);
  if (session == nullptr) return;
  // Its place in the order of expiry stays: a look too early does no harm.
  session->is_watched = watchers_.Remove(session->place.index, watcher);
}

void SessionTable::ScheduleExpiryLocked(Session& session, int64_t check) {
  expiry_order_.erase({session.expiry_check, session.place.index});
  session.expiry_check = check;
  if (check < Session::kNever) expiry_order_.insert({check, session.place.index});
}

SessionsOfModelPtr SessionTable::EndLocked(Session& session, EndReason reason,
                                           std::vector<SessionNews>& news) {
  tombstones_.Add(session.id.view(), reason, session.epoch.load(std::memory_order_relaxed));
  return RemoveLocked(session, reason, news);
}

SessionsOfModelPtr SessionTable::RemoveLocked(Session& session, const SessionNews::What& what,
                                              std::vector<SessionNews>& news) {
  ScheduleExpiryLocked(session, Session::kNever);
  // Whoever gets this place in the table next has watchers of its own.
  if (std::exchange(session.is_watched, false)) {
    news.push_back({std::string(session.id.view()), watchers_.Take(session.place.index), what});
  }
  session.model.states.Free(session.state);
  SessionsOfModelPtr model = models_.Count(session.model, -1);
  sessions_.Hide(session);
  session.is_leased = true;
  session.has_ended = true;
  // Else the thread that serves it looks at it once more.
  if (!session.is_served) sessions_.Remove(session);
  return model;
}

std::vector<SessionTable::IdleSession> SessionTable::LookForIdle(int64_t num_sessions,
                                                                 absl::Duration min_idle) {
  const int64_t used_before = absl::ToUnixNanos(clock_.Now() - min_idle);
  // Once round at most.
  int64_t num_left = std::min(num_sessions, usage().sessions);
  std::vector<IdleSession> idle;
  while (num_left > 0) {
    {
      absl::MutexLock lock(&mu_);
      const int64_t num_visited =
          LookForIdleLocked(std::min<int64_t>(num_left, kLookedAtPerLock), used_before, idle);
      if (num_visited == 0) break;
      num_left -= num_visited;
    }
    std::this_thread::yield();
  }
  return idle;
}

int64_t SessionTable::LookForIdleLocked(int64_t num_sessions, int64_t used_before,
                                        std::vector<IdleSession>& idle) {
  const int64_t now = Now();
  for (int64_t i = 0; i < num_sessions; ++i) {
    const Session* session = sessions_.Next(next_look_);
    if (session == nullptr) session = sessions_.Next(0);
    if (session == nullptr) return i;
    next_look_ = session->place.index + 1;
    if (!session->is_free() || session->durability == Durability::kNone) continue;
    if (session->last_use > used_before || session->ExpiryAfter(session->last_use) <= now) continue;
    idle.push_back({std::string(session->id.view()), absl::FromUnixNanos(session->last_use),
                    session->model.state_bytes()});
  }
  return num_sessions;
}

std::optional<SessionLease> SessionTable::LeaseIdle(const IdleSession& session) {
  const int64_t last_use = absl::ToUnixNanos(session.last_use);
  absl::MutexLock lock(&mu_);
  Session* const found = sessions_.Find(session.id);
  if (found == nullptr || !found->is_free() || found->last_use != last_use) return std::nullopt;
  return LeaseLocked(*found, found->version.load(std::memory_order_relaxed));
}

SessionTable::Usage SessionTable::usage() const {
  absl::MutexLock lock(&mu_);
  return models_.total();
}

SessionTable::Usage SessionTable::usage(absl::string_view model_name) const {
  absl::MutexLock lock(&mu_);
  return models_.usage(model_name);
}

SessionTable::Usage SessionTable::usage(absl::string_view model_name, const Model& model) const {
  absl::MutexLock lock(&mu_);
  return models_.usage(model_name, model);
}

}  // namespace rnnserve
