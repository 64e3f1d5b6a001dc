// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_table.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/session/lease_group.h"
#include "core/session/line_server.h"
#include "core/session/session.h"
#include "core/session/session_id.h"
#include "core/session/session_listing.h"

// Locking
//
// mu_ guards which sessions there are, their lines, and everything that the members below it hold.
// It does not guard what belongs to the holder of a lease: the state block, the kept replies, the
// checkpoint progress, and the version and epoch, which the holder writes and listings read as
// atomics.
//
// No thread ever waits for a session: a caller leaves a callback in the session's line and goes on.
// A thread can block on mu_ only, and mu_ is held for a bounded time: under it no callback,
// observer or watcher runs, no model is destroyed, and no other lock of core/session,
// core/checkpoint or core/engine is taken. Callers may therefore take mu_ while they hold a lock of
// their own (SessionSpill does), and mu_ cannot be part of a cycle of locks.
//
// Callbacks that wait for sessions cannot wait for each other in a circle either, as long as a
// caller that needs several sessions asks for them with one LeaseAll. It gets in all lines without
// releasing mu_ in between, so two such callers stand in the same order in every line that they
// share. Code that holds a lease must not keep it while it waits for another session. It may take
// another lease with LeaseFree or LeaseIdle, which never wait.

namespace rnnserve {
namespace {

// How many sessions are listed, sampled or expired before other callers get a turn at the lock.
// Among a million sessions, which fit in no cache, handling this many takes some 5 microseconds,
// about as long as a thread spins for a lock before it sleeps.
constexpr int kListedPerLock = 16;
constexpr int kSampledPerLock = 16;
constexpr int kExpiredPerLock = 2;

}  // namespace

SessionTable::SessionTable(const Clock& clock, EndCallback on_end, Options options)
    : clock_(clock),
      on_end_(std::move(on_end)),
      options_(options),
      reply_bytes_(options.max_reply_bytes),
      tombstones_(options.max_tombstones),
      expiry_(options.expiry_interval) {}

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
  // Copied outside the lock, because a state may be large. The lease keeps other callers in line
  // until the session is complete.
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
  session->continuity->NoteStored(version, revision, now);
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
  expiry_.Add(*session);
  return session;
}

SessionLease SessionTable::LeaseLocked(Session& session, uint64_t version_on_arrival) {
  session.line.Lease();
  const Model& model = *session.model.model;
  auto* const block = reinterpret_cast<float*>(session.model.states.At(session.state));
  return {this, &session, StateView({block, static_cast<size_t>(model.state_layout().size)}),
          version_on_arrival};
}

void SessionTable::Lease(absl::string_view id, LeaseCallback callback) {
  LineServer& server = LineServer::OfThisThread();
  absl::StatusOr<Session*> session;
  std::optional<SessionLease> lease;
  bool must_serve = false;
  {
    absl::MutexLock lock(&mu_);
    session = FindWithRoomLocked(id);
    if (session.ok() && (*session)->line.is_free() && !server.is_in_callback()) {
      // The path of almost every step: nobody waits, so this caller need not get in line, which
      // would allocate.
      (*session)->line.BeginServing();
      lease = LeaseLocked(**session, (*session)->version.load(std::memory_order_relaxed));
    } else if (session.ok()) {
      must_serve = EnqueueLocked(**session, std::move(callback));
      callback = nullptr;
    }
  }
  if (!session.ok()) return callback(session.status());
  if (lease.has_value()) {
    server.ServeFirst(*this, **session, *std::move(lease), std::move(callback));
  } else if (must_serve) {
    server.Serve(*this, **session);
  }
}

std::vector<std::optional<SessionLease>> SessionTable::LeaseFree(
    absl::Span<const std::string> ids) {
  std::vector<std::optional<SessionLease>> leases(ids.size());
  absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < ids.size(); ++i) {
    Session* const session = sessions_.Find(ids[i]);
    if (session == nullptr || !session->line.is_free()) continue;
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
  for (Session* const session : to_serve) LineServer::OfThisThread().Serve(*this, *session);
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
  for (Session* const session : to_serve) LineServer::OfThisThread().Serve(*this, *session);
}

void SessionTable::Return(Session& session, bool is_use) {
  const int64_t now = Now();
  {
    absl::MutexLock lock(&mu_);
    if (is_use) session.last_use = now;
    if (!session.line.Return()) return;
  }
  LineServer::OfThisThread().Serve(*this, session);
}

void SessionTable::End(Session& session, EndReason reason) {
  std::unique_ptr<SessionLine::Callers> waiting;
  SessionsOfModelPtr model;
  std::vector<SessionNews> news;
  {
    absl::MutexLock lock(&mu_);
    waiting = session.line.TakeWaiting();
    model = EndLocked(session, reason, news);
  }
  on_end_(model->name, reason);
  for (const SessionNews& item : news) item.Tell();
  if (waiting == nullptr) return;
  for (SessionLine::Caller& caller : *waiting) caller.callback(EndedError(reason));
}

bool SessionTable::Drop(Session& session) {
  SessionsOfModelPtr model;  // perhaps the last reference, which must go outside the lock
  std::vector<SessionNews> news;
  {
    absl::MutexLock lock(&mu_);
    if (session.line.num_waiting() > 0) return false;
    model = RemoveLocked(session, SessionNews::Dropped(), news);
  }
  for (const SessionNews& item : news) item.Tell();
  return true;
}

void SessionTable::ServeLine(Session& session) {
  while (true) {
    std::optional<SessionLine::Caller> next;
    std::optional<SessionLease> lease;
    {
      absl::MutexLock lock(&mu_);
      // RemoveLocked left the record to the thread that serves the line.
      if (session.line.has_ended()) return sessions_.Remove(session);
      next = session.line.Next();
      if (!next.has_value()) return;
      lease = LeaseLocked(session, next->version_on_arrival);
    }
    next->callback(*std::move(lease));
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
  const auto num_waiting = static_cast<int64_t>(session.line.num_waiting());
  if (num_waiting < options_.max_waiting) return absl::OkStatus();
  return ResourceExhausted(
      "SESSION_QUEUE_LIMIT",
      absl::StrCat(num_waiting, " calls of the session are waiting, of at most ",
                   options_.max_waiting),
      options_.retry_delay);
}

bool SessionTable::EnqueueLocked(Session& session, LeaseCallback callback) {
  return session.line.Enter({std::move(callback), session.version.load(std::memory_order_relaxed)});
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
  absl::MutexLock lock(&mu_);
  return ListNext(sessions_, filter, after, kListedPerLock, Now(), summaries);
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
    // A waiter that slept would lose the race for the lock to this thread, so yield.
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
    const std::optional<uint32_t> index = expiry_.NextDue(now);
    if (!index.has_value()) return false;
    Session& session = sessions_.At(*index);
    const SessionExpiry::Verdict verdict = expiry_.Look(session, now);
    if (verdict == SessionExpiry::Verdict::kExpired) {
      expired.push_back(EndLocked(session, EndReason::kExpired, news));
    } else if (verdict == SessionExpiry::Verdict::kWarn) {
      news.push_back({std::string(session.id.view()), watchers_.Of(*index),
                      absl::Nanoseconds(session.expiry_check - now)});
    }
  }
  return true;
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
      expiry_.OnWatched(*session);
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
  // SessionExpiry need not be told: looking at the session too early does no harm.
  session->is_watched = watchers_.Remove(session->place.index, watcher);
}

SessionsOfModelPtr SessionTable::EndLocked(Session& session, EndReason reason,
                                           std::vector<SessionNews>& news) {
  tombstones_.Add(session.id.view(), reason, session.epoch.load(std::memory_order_relaxed));
  return RemoveLocked(session, reason, news);
}

SessionsOfModelPtr SessionTable::RemoveLocked(Session& session, const SessionNews::What& what,
                                              std::vector<SessionNews>& news) {
  expiry_.Remove(session);
  // Watchers are kept by index, and the next session with this index has watchers of its own.
  if (std::exchange(session.is_watched, false)) {
    news.push_back({std::string(session.id.view()), watchers_.Take(session.place.index), what});
  }
  session.model.states.Free(session.state);
  SessionsOfModelPtr model = models_.Count(session.model, -1);
  sessions_.Hide(session);
  session.line.End();
  // A thread that serves the line looks at the session once more, and then removes it.
  if (!session.line.is_served()) sessions_.Remove(session);
  return model;
}

std::vector<IdleSession> SessionTable::LookForIdle(int64_t num_sessions, absl::Duration min_idle) {
  const int64_t last_use_max = absl::ToUnixNanos(clock_.Now() - min_idle);
  // Goes through all sessions at most once.
  int64_t num_left = std::min(num_sessions, usage().sessions);
  std::vector<IdleSession> idle;
  while (num_left > 0) {
    {
      absl::MutexLock lock(&mu_);
      const int64_t num_visited =
          idle_sampler_.LookAtNext(std::min<int64_t>(num_left, kSampledPerLock),
                                   {.now = Now(), .last_use_max = last_use_max}, sessions_, idle);
      if (num_visited == 0) break;
      num_left -= num_visited;
    }
    std::this_thread::yield();
  }
  return idle;
}

std::optional<SessionLease> SessionTable::LeaseIdle(const IdleSession& session) {
  const int64_t last_use = absl::ToUnixNanos(session.last_use);
  absl::MutexLock lock(&mu_);
  Session* const found = sessions_.Find(session.id);
  if (found == nullptr || !found->line.is_free()) return std::nullopt;
  if (found->last_use != last_use) return std::nullopt;
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
