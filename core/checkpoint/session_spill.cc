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

// Locking
//
// mu_ guards the records of spilled sessions, the callbacks that wait for a session or for room,
// and the size of the rounds under way. Under mu_ no callback or observer runs, no lease is taken
// or returned, and the checkpointer is not called. Only ListSome calls the session table under mu_,
// so the order is mu_ before the lock of the session table; the table takes no other lock, so there
// is no cycle.
//
// Nothing here blocks: every wait is a callback. The waits cannot form a circle either:
//   a call waits for BringBack to return a spilled session to memory;
//   BringBack waits for MakeRoom and for the store (Checkpointer::Reopen);
//   MakeRoom waits for a round, and a round waits only for the store: it leases only sessions that
//   are free (LeaseIdle) and never gets in a session's line.
// The store answers every call exactly once, so every round ends and answers all its waiters.

namespace rnnserve {
namespace {

// The bounds of one round. They limit how many leases it holds, how long its caller's thread spends
// on snapshots (some 10 ms for states of 4 KiB), and how much it asks the store to hold.
constexpr int64_t kRoundSessionsMax = 1024;
constexpr int64_t kRoundBytesMax = int64_t{16} << 20;

// How many sessions to look at for each one to spill, and the smallest number to look at in all. Of
// eight sessions, the idlest is nearly always among the idlest quarter of all; larger samples find
// idler ones but cost more. The minimum ensures that all of a small table is looked at.
constexpr int64_t kSampleSize = 8;
constexpr int64_t kSampleMin = 256;

// The bound of a round on demand, unless its caller needs more room. It is small because the caller
// waits while the snapshots are made.
constexpr SessionTable::Usage kDemandMax{64, int64_t{1} << 20};

// How long to pause spilling after the store has refused a snapshot. Making snapshots that the
// store refuses is wasted work.
constexpr absl::Duration kPause = absl::Seconds(1);

// How many times to try. One try may not be enough, because other callers may take the room that
// was made for a session.
constexpr int kReopenAttempts = 3;

bool IsFull(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == "SESSION_LIMIT" || reason == "STATE_BYTES_LIMIT";
}

int64_t ShareOf(int64_t bound, double share) {
  return static_cast<int64_t>(static_cast<double>(bound) * share);
}

}  // namespace

// Counts the sessions of a round that are not settled yet, plus one for StartRound while it adds
// sessions. Owned by the callbacks of those sessions. Thread-safe.
class SessionSpill::Round {
 public:
  explicit Round(absl::AnyInvocable<void()> done) : done_(std::move(done)) {}

  void Begin() { remaining_.fetch_add(1, std::memory_order_relaxed); }
  void Arrive() {
    // Each arrival releases what it did, and the last one acquires what all the others did.
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
    // Hold mu_ while looking in both places. Records cannot come or go during that time, so no
    // session can move from one place to the other unseen.
    absl::MutexLock lock(&mu_);
    last_in_memory = sessions_.ListSome(filter, after, in_memory);
    last_spilled = spilled_.ListSome(filter, after, now, spilled);
  }
  // The smaller of the two last ids: up to it, both places have been looked through.
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
  // A caller waits for the session, so it stays in memory.
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
  // A session of this id is already in memory: it was opened or restored while this server did not
  // know that it had the session.
  if (absl::IsAlreadyExists(status)) status = absl::OkStatus();
  if (lease.ok() || absl::IsNotFound(status) || absl::IsDataLoss(status)) {
    // Erase while the lease is still held, so that the session cannot be spilled again before its
    // old record is gone.
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
