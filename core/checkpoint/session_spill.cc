// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/session_spill.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/checkpoint/session_snapshot.h"

namespace rnnserve {
namespace {

// What one round takes at most: the leases it holds, the snapshots it makes on the thread of its
// caller (some 10 ms for states of 4 KiB), and what it asks the store to hold.
constexpr int64_t kRoundSessionsMax = 1024;
constexpr int64_t kRoundBytesMax = int64_t{16} << 20;

// The sessions that are looked at for each that is to be spilled, and at least. More would find
// idler ones; of eight the idlest is nearly always of the idlest quarter. A table of few is looked
// at as a whole.
constexpr int64_t kSampleSize = 8;
constexpr int64_t kSampleMin = 256;

// The same for a caller that waits, unless it needs more: what is made of it is in its way.
constexpr SessionTable::Usage kDemandMax{64, int64_t{1} << 20};

// How long nothing is spilled after a store refused a snapshot: to make them for nothing costs
// more.
constexpr absl::Duration kPause = absl::Seconds(1);

// Others may take the room that was made for a session.
constexpr int kReopenAttempts = 3;

bool IsFull(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "SESSION_LIMIT" || reason == "STATE_BYTES_LIMIT";
}

int64_t ShareOf(int64_t bound, double share) {
  return static_cast<int64_t>(static_cast<double>(bound) * share);
}

}  // namespace

// Counts the sessions of a round that are not settled, and who starts it. Owned by them.
// Thread-safe.
class SessionSpill::Round {
 public:
  explicit Round(absl::AnyInvocable<void()> done) : done_(std::move(done)) {}

  void Begin() { remaining_.fetch_add(1, std::memory_order_relaxed); }
  void Arrive() {
    // Releases what this one did, or acquires what the others did.
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_();
  }

 private:
  absl::AnyInvocable<void()> done_;
  std::atomic<int64_t> remaining_ = 1;
};

SessionSpill::SessionSpill(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
                           Checkpointer& checkpointer, int64_t max_records)
    : clock_(clock),
      sessions_(sessions),
      observer_(observer),
      checkpointer_(checkpointer),
      spilled_(max_records) {}

bool SessionSpill::Has(absl::string_view id) const {
  absl::MutexLock lock(&mu_);
  return spilled_.Find(id).has_value();
}

bool SessionSpill::HasLive(absl::string_view id) const {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  const std::optional<SpilledSessions::Record> record = spilled_.Find(id);
  return record.has_value() && record->expiry > now;
}

uint64_t SessionSpill::EpochOf(absl::string_view id) const {
  absl::MutexLock lock(&mu_);
  const std::optional<SpilledSessions::Record> record = spilled_.Find(id);
  return record.has_value() ? record->fence.epoch : 0;
}

std::vector<std::string> SessionSpill::IdsOf(absl::string_view model_name,
                                             const Model* model) const {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  return spilled_.IdsOf(model_name, now, model);
}

std::vector<SessionSummary> SessionSpill::List(const SessionFilter& filter, absl::string_view after,
                                               int64_t limit) const {
  std::vector<SessionSummary> listed;
  std::optional<std::string> last_id(after);
  while (last_id.has_value() && static_cast<int64_t>(listed.size()) < limit) {
    last_id = ListSome(filter, *last_id, listed);
  }
  listed.resize(std::min(listed.size(), static_cast<size_t>(std::max<int64_t>(limit, 0))));
  return listed;
}

std::optional<std::string> SessionSpill::ListSome(const SessionFilter& filter,
                                                  absl::string_view after,
                                                  std::vector<SessionSummary>& listed) const {
  std::vector<SessionSummary> in_memory;
  std::vector<SessionSummary> spilled;
  std::optional<std::string> last_in_memory;
  std::optional<std::string> last_spilled;
  const absl::Time now = clock_.Now();
  {
    // While no record can come or go, no session can be in neither place.
    absl::MutexLock lock(&mu_);
    last_in_memory = sessions_.ListSome(filter, after, in_memory);
    last_spilled = spilled_.ListSome(filter, after, now, spilled);
  }
  // Up to there both have been looked through.
  std::optional<std::string> last_id = last_in_memory;
  if (last_spilled.has_value() && (!last_id.has_value() || *last_spilled < *last_id)) {
    last_id = std::move(last_spilled);
  }
  std::vector<SessionSummary> merged;
  std::set_union(std::make_move_iterator(in_memory.begin()),
                 std::make_move_iterator(in_memory.end()), std::make_move_iterator(spilled.begin()),
                 std::make_move_iterator(spilled.end()), std::back_inserter(merged),
                 [](const auto& a, const auto& b) { return a.id < b.id; });
  for (SessionSummary& session : merged) {
    if (last_id.has_value() && session.id > *last_id) break;
    listed.push_back(std::move(session));
  }
  return last_id;
}

int64_t SessionSpill::num_spilled() const {
  absl::MutexLock lock(&mu_);
  return spilled_.size();
}

bool SessionSpill::HasRoom(const Room& room) const {
  const SessionTable::Usage usage = sessions_.usage();
  const SessionTable::Options& bounds = sessions_.options();
  return usage.sessions + room.sessions <= bounds.max_sessions &&
         usage.state_bytes + room.state_bytes <= bounds.max_state_bytes;
}

SessionSpill::Excess SessionSpill::ExcessOver(double share, const Room& room) const {
  const SessionTable::Usage usage = sessions_.usage();
  const SessionTable::Options& bounds = sessions_.options();
  absl::MutexLock lock(&mu_);
  const int64_t sessions = usage.sessions - being_spilled_.sessions;
  const int64_t bytes = usage.state_bytes - being_spilled_.state_bytes;
  return {std::max(sessions - ShareOf(bounds.max_sessions, share),
                   sessions + room.sessions - bounds.max_sessions),
          std::max(bytes - ShareOf(bounds.max_state_bytes, share),
                   bytes + room.state_bytes - bounds.max_state_bytes)};
}

void SessionSpill::MakeRoom(const Room& room, absl::AnyInvocable<void()> done) {
  if (HasRoom(room) || IsPaused()) return done();
  {
    absl::MutexLock lock(&mu_);
    waiting_for_room_.push_back(std::move(done));
    if (waiting_for_room_.size() > 1) return;
  }
  Excess excess = ExcessOver(kLowWater, room);
  excess.sessions = std::min(excess.sessions, std::max(room.sessions, kDemandMax.sessions));
  excess.state_bytes =
      std::min(excess.state_bytes, std::max(room.state_bytes, kDemandMax.state_bytes));
  StartRound(excess, absl::ZeroDuration(), [this] { FinishMakingRoom(); });
}

void SessionSpill::FinishMakingRoom() {
  std::vector<absl::AnyInvocable<void()>> waiting;
  {
    absl::MutexLock lock(&mu_);
    waiting.swap(waiting_for_room_);
  }
  for (absl::AnyInvocable<void()>& done : waiting) done();
}

bool SessionSpill::IsPaused() const {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  return now < pause_end_;
}

void SessionSpill::Tick() {
  {
    absl::MutexLock lock(&mu_);
    if (being_spilled_.sessions > 0) return;
  }
  if (IsPaused()) return;
  const Excess above_high = ExcessOver(kHighWater, {0, 0});
  if (above_high.sessions <= 0 && above_high.state_bytes <= 0) return;
  StartRound(ExcessOver(kLowWater, {0, 0}), kIdleAhead, [] {});
}

void SessionSpill::StartRound(const Excess& excess, absl::Duration min_idle,
                              absl::AnyInvocable<void()> done) {
  const auto round = std::make_shared<Round>(std::move(done));
  const int64_t num_wanted = std::min(std::max<int64_t>(excess.sessions, 1), kRoundSessionsMax);
  std::vector<SessionTable::IdleSession> idle =
      sessions_.LookForIdle(std::max(kSampleMin, kSampleSize * num_wanted), min_idle);
  std::sort(idle.begin(), idle.end(),
            [](const auto& a, const auto& b) { return a.last_use < b.last_use; });
  Excess taken;
  for (const SessionTable::IdleSession& session : idle) {
    const bool is_enough =
        taken.sessions >= excess.sessions && taken.state_bytes >= excess.state_bytes;
    if (is_enough || taken.sessions >= kRoundSessionsMax || taken.state_bytes >= kRoundBytesMax) {
      break;
    }
    std::optional<SessionLease> lease = sessions_.LeaseIdle(session);
    if (!lease.has_value()) continue;
    ++taken.sessions;
    taken.state_bytes += session.state_bytes;
    round->Begin();
    SpillOne(*std::move(lease), [round] { round->Arrive(); });
  }
  round->Arrive();
}

void SessionSpill::SpillOne(SessionLease lease, absl::AnyInvocable<void()> done) {
  const Excess size{1, lease.model()->state_layout().bytes()};
  {
    absl::MutexLock lock(&mu_);
    being_spilled_.sessions += size.sessions;
    being_spilled_.state_bytes += size.state_bytes;
  }
  checkpointer_.Store(std::move(lease),
                      [this, size, done = std::move(done)](const absl::Status& status,
                                                           SessionLease stored) mutable {
                        Drop(status, std::move(stored));
                        {
                          absl::MutexLock lock(&mu_);
                          being_spilled_.sessions -= size.sessions;
                          being_spilled_.state_bytes -= size.state_bytes;
                        }
                        done();
                      });
}

void SessionSpill::Drop(const absl::Status& status, SessionLease lease) {
  if (ErrorReason(status) == "FENCED") return std::move(lease).End(EndReason::kMoved);
  const std::string id = lease.id();
  const absl::Time now = clock_.Now();
  {
    absl::MutexLock lock(&mu_);
    if (status.ok()) {
      spilled_.Add(id, {FenceOf(lease),
                        lease.model_name(),
                        {lease.model(), lease.host()},
                        lease.last_use() + lease.idle_timeout(),
                        lease.last_use(),
                        lease.version(),
                        lease.durability()});
    } else {
      pause_end_ = now + kPause;
    }
  }
  if (!status.ok()) return std::move(lease).ReturnUnused();
  if (lease.Drop()) return observer_.OnSpilled();
  // Somebody calls it just now.
  {
    absl::MutexLock lock(&mu_);
    spilled_.Erase(id);
  }
  std::move(lease).ReturnUnused();
}

void SessionSpill::BringBack(const std::string& id, Done done) {
  {
    absl::MutexLock lock(&mu_);
    std::vector<Done>& waiting = coming_back_[id];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) return;
  }
  Reopen(id, kReopenAttempts);
}

void SessionSpill::Reopen(const std::string& id, int num_attempts_left) {
  const absl::Time now = clock_.Now();
  std::optional<SpilledSessions::Record> record;
  {
    absl::MutexLock lock(&mu_);
    record = spilled_.Find(id);
    if (record.has_value() && record->expiry <= now) spilled_.Erase(id);
  }
  if (!record.has_value()) {
    return FinishBringingBack(id, NotFound("SESSION_UNKNOWN", "there is no session of that id"));
  }
  if (record->expiry <= now) {
    sessions_.NoteEnd(id, EndReason::kExpired, record->fence.epoch);
    return FinishBringingBack(
        id, NotFound("SESSION_EXPIRED", "the session was idle for too long and expired"));
  }
  const Room room{1, record->model.model->state_layout().bytes()};
  MakeRoom(room, [this, id, fence = record->fence, model = std::move(record->model),
                  num_attempts_left]() mutable {
    checkpointer_.Reopen(id, fence, std::move(model),
                         [this, id, num_attempts_left](absl::StatusOr<SessionLease> lease) {
                           OnReopened(id, num_attempts_left - 1, std::move(lease));
                         });
  });
}

void SessionSpill::OnReopened(const std::string& id, int num_attempts_left,
                              absl::StatusOr<SessionLease> lease) {
  if (IsFull(lease.status()) && num_attempts_left > 0) return Reopen(id, num_attempts_left);
  absl::Status status = lease.status();
  // Under that id one was opened that this server did not know to be its own.
  if (absl::IsAlreadyExists(status)) status = absl::OkStatus();
  if (lease.ok() || absl::IsNotFound(status) || absl::IsDataLoss(status)) {
    // With the lease still held, so that it cannot be spilled again before its record is gone.
    num_brought_back_.fetch_add(1);
    absl::MutexLock lock(&mu_);
    spilled_.Erase(id);
  }
  if (lease.ok()) {
    observer_.OnUnspilled();
    std::move(*lease).Return();
  }
  FinishBringingBack(id, status);
}

void SessionSpill::FinishBringingBack(const std::string& id, const absl::Status& status) {
  std::vector<Done> waiting;
  {
    absl::MutexLock lock(&mu_);
    const auto it = coming_back_.find(id);
    waiting = std::move(it->second);
    coming_back_.erase(it);
  }
  for (Done& done : waiting) done(status);
}

}  // namespace rnnserve
