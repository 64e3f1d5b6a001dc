// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_SESSION_SPILL_H_
#define RNNSERVE_CORE_CHECKPOINT_SESSION_SPILL_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_observer.h"
#include "core/checkpoint/checkpointer.h"
#include "core/checkpoint/spilled_sessions.h"
#include "core/session/session_lease.h"
#include "core/session/session_table.h"

namespace rnnserve {

// Makes room in memory: durable sessions that nobody has used for long are written to the store, if
// it lacks something of them, and dropped. Each comes back, as it was and with the same owner, when
// it is called. To its client nothing has happened.
//
//   ahead      a Tick that finds more than kHighWater of the sessions or state bytes that the
//              bounds allow spills down to kLowWater, but no session used within kIdleAhead: who
//              steps all its sessions in turn shall not fetch each before each step
//   on demand  MakeRoom spills whatever nobody uses, for a caller that waits
//
// What is spilled was the idlest of a sample, see SessionTable::LookForIdle. A session that cannot
// be written stays. While it is written its calls wait in its line, and if one does it stays too.
//
// The store has the only copy of a spilled session: what a store loses that loses what it
// acknowledged, this server cannot write once more. The client is told by the epoch and the
// version, as after a loss of the server.
//
// Invariant: a session is in memory before its record goes, and has a record before it leaves
// memory. So who finds it neither in memory nor, after that, here, while num_brought_back() was the
// same all along, knows that it is not this server's.
//
// Owns the records. Thread-safe. Clock, sessions, observer and checkpointer must outlive its calls;
// it must outlive the checkpointer's callbacks. Callbacks as Checkpointer has them.
class SessionSpill {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // Of the bounds of SessionTable::Options.
  static constexpr double kHighWater = 0.95;
  static constexpr double kLowWater = 0.90;
  static constexpr absl::Duration kIdleAhead = absl::Seconds(1);

  // What is to have room.
  struct Room {
    int64_t sessions = 1;
    int64_t state_bytes = 0;  // together
  };

  // At most `max_records` sessions are spilled and remembered. Costs about 140 bytes each.
  SessionSpill(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
               Checkpointer& checkpointer, int64_t max_records = 1'000'000);
  SessionSpill(const SessionSpill&) = delete;
  SessionSpill& operator=(const SessionSpill&) = delete;

  // Whether the session is spilled. It may have expired since.
  bool Has(absl::string_view id) const;
  // Whether it is and has not.
  bool HasLive(absl::string_view id) const;
  // Of a session that is spilled, expired or not; 0 of any other.
  uint64_t EpochOf(absl::string_view id) const;
  // Of the models of a name, or of one of them, those that have not.
  std::vector<std::string> IdsOf(absl::string_view model_name, const Model* model = nullptr) const;

  // As SessionTable::List, of the sessions in memory together with those that are spilled and have
  // not expired. One that is open and passes the filter all the time is listed once, in memory or
  // spilled, though it may move meanwhile, and so it is in several calls of which each begins where
  // the one before ended. One that this server has forgotten (`max_records`) is missing.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;

  // Brings a session back; OK if it is in memory by then. Errors: NOT_FOUND (SESSION_UNKNOWN): it
  // is not spilled; NOT_FOUND (SESSION_EXPIRED, SESSION_MOVED) and DATA_LOSS (SNAPSHOT_BAD), after
  // which it is not any more; any other of SessionRestorer::Reopen, after which it still is.
  void BringBack(const std::string& id, Done done);

  bool HasRoom(const Room& room) const;
  // Spills until there is room, or what can be spilled is; then calls `done`. At once if there is.
  // Who comes while others wait, waits with them: there may be no room left for all.
  void MakeRoom(const Room& room, absl::AnyInvocable<void()> done);

  // To be called several times a second.
  void Tick();

  int64_t num_spilled() const;
  // Grows whenever one that was spilled is not any more.
  uint64_t num_brought_back() const { return num_brought_back_.load(); }

 private:
  // As SessionTable::ListSome, of both kinds.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      std::vector<SessionSummary>& listed) const;

  // Sessions to spill, and bytes.
  using Excess = SessionTable::Usage;
  class Round;

  // What is above that share of the bounds, or in the way of `room`, and not being spilled yet.
  Excess ExcessOver(double share, const Room& room) const;
  // Spills so much of what was not used for `min_idle`, then calls `done`.
  void StartRound(const Excess& excess, absl::Duration min_idle, absl::AnyInvocable<void()> done);
  void SpillOne(SessionLease lease, absl::AnyInvocable<void()> done);
  // What SpillOne does when the session is stored, or is not.
  void Drop(const absl::Status& status, SessionLease lease);
  void FinishMakingRoom();
  bool IsPaused() const;

  void Reopen(const std::string& id, int num_attempts_left);
  void OnReopened(const std::string& id, int num_attempts_left, absl::StatusOr<SessionLease> lease);
  void FinishBringingBack(const std::string& id, const absl::Status& status);

  // Constant after construction.
  const Clock& clock_;
  SessionTable& sessions_;
  CheckpointObserver& observer_;
  Checkpointer& checkpointer_;

  // Synchronises itself.
  std::atomic<uint64_t> num_brought_back_ = 0;

  // Guarded by mu_. Who takes the lock of the sessions too takes it within this one.
  mutable absl::Mutex mu_;
  SpilledSessions spilled_ ABSL_GUARDED_BY(mu_);
  // Who waits for a session to come back; the first has asked for it.
  absl::flat_hash_map<std::string, std::vector<Done>> coming_back_ ABSL_GUARDED_BY(mu_);
  // Who waits for room; if there is one, a round is under way for them.
  std::vector<absl::AnyInvocable<void()>> waiting_for_room_ ABSL_GUARDED_BY(mu_);
  Excess being_spilled_ ABSL_GUARDED_BY(mu_);
  absl::Time pause_end_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_SPILL_H_
