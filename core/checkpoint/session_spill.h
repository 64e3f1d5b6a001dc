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

// Makes room in memory: writes idle durable sessions to the snapshot store, unless the store has
// them already, and drops them from memory. A spilled session comes back when it is called, just as
// it was and with the same owner. Its client notices nothing.
//
//   ahead      When a Tick finds that more than kHighWater of the allowed sessions or state bytes
//              are in use, it spills down to kLowWater. It does not spill sessions that were used
//              within kIdleAhead. Otherwise a client that steps all its sessions in turn could have
//              to wait before each step for the session to come back.
//   on demand  MakeRoom spills any session that nobody uses, because a caller waits for the room.
//
// The sessions to spill are the idlest of a sample (see SessionTable::LookForIdle). A session that
// cannot be written stays in memory. While a session is written, its calls wait in its line; if any
// call waits, the session stays in memory too.
//
// The store has the only copy of a spilled session. If the store loses data that it has
// acknowledged, this server cannot write the session again. The client learns that from the epoch
// and the version, as after a loss of the server.
//
// Invariant: a session has a record here before it leaves memory, and is in memory again before its
// record is removed. So if a session is not found in memory, then not found here, and
// num_brought_back() has not changed in between, this server does not have it.
//
// Owns the records. Thread-safe. Clock, sessions, observer and checkpointer must outlive its calls,
// and it must outlive the checkpointer's callbacks. Callbacks run on the calling thread or on the
// store's, under no lock, and must not block.
class SessionSpill {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // Fractions of the bounds in SessionTable::Options.
  static constexpr double kHighWater = 0.95;
  static constexpr double kLowWater = 0.90;
  static constexpr absl::Duration kIdleAhead = absl::Seconds(1);

  // How much room a caller needs.
  struct Room {
    int64_t sessions = 1;
    int64_t state_bytes = 0;  // of all these sessions together
  };

  // Remembers up to `max_records` spilled sessions. Each record costs about 140 bytes.
  SessionSpill(const Clock& clock, SessionTable& sessions, CheckpointObserver& observer,
               Checkpointer& checkpointer, int64_t max_records = 1'000'000);
  SessionSpill(const SessionSpill&) = delete;
  SessionSpill& operator=(const SessionSpill&) = delete;

  // Returns whether the session is spilled, expired or not.
  bool Has(absl::string_view id) const;
  // Returns whether the session is spilled and has not expired.
  bool HasLive(absl::string_view id) const;
  // Returns the epoch of a spilled session, expired or not; 0 if it is not spilled.
  uint64_t EpochOf(absl::string_view id) const;
  // Returns the spilled sessions of a model name that have not expired; if `model` is given, only
  // those that were opened with it.
  std::vector<std::string> IdsOf(absl::string_view model_name, const Model* model = nullptr) const;

  // Like SessionTable::List, but lists the sessions in memory together with the spilled ones that
  // have not expired. A session that is open and passes the filter the whole time is listed exactly
  // once, even if it is spilled or brought back in between. This holds across several calls too, if
  // each begins where the last one ended. Sessions whose record was forgotten (`max_records`) are
  // missing.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;

  // Brings a session back into memory. Also OK if it has come back some other way. Errors:
  // NOT_FOUND (SESSION_UNKNOWN): it is not spilled; NOT_FOUND (SESSION_EXPIRED, SESSION_MOVED) and
  // DATA_LOSS (SNAPSHOT_BAD), after which it is no longer spilled; other errors of
  // SessionRestorer::Reopen, after which it still is.
  void BringBack(const std::string& id, Done done);

  bool HasRoom(const Room& room) const;
  // Calls `done` when there is room, which is at once if there is room already. Otherwise spills
  // sessions first, in one round; `done` runs after the round, even if that was not enough. A call
  // during a round waits for the same round, so there may not be room for everyone.
  void MakeRoom(const Room& room, absl::AnyInvocable<void()> done);

  // Spills ahead. Must be called several times a second.
  void Tick();

  int64_t num_spilled() const;
  // Grows whenever BringBack has brought a session back, or has found that the store no longer has
  // it for this server.
  uint64_t num_brought_back() const { return num_brought_back_.load(); }

 private:
  // Like SessionTable::ListSome, for sessions in memory and spilled ones.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      std::vector<SessionSummary>& listed) const;

  // How many sessions and state bytes to spill.
  using Excess = SessionTable::Usage;
  class Round;

  // Returns how much must be spilled for usage to fall to `share` of the bounds and for `room` to
  // be free, not counting the sessions that are being spilled already.
  Excess ExcessOver(double share, const Room& room) const;
  // Spills `excess` from sessions idle for at least `min_idle`, then calls `done`.
  void StartRound(const Excess& excess, absl::Duration min_idle, absl::AnyInvocable<void()> done);
  // Stores a session and drops it from memory, then calls `done`.
  void SpillOne(SessionLease lease, absl::AnyInvocable<void()> done);
  // Drops the session from memory if it was stored and no caller waits for it. Ends it if another
  // server has claimed it (FENCED). If it could not be stored, gives the lease back and pauses
  // spilling.
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

  // Guarded by mu_. The lock of the session table may be taken while this one is held, never the
  // other way round.
  mutable absl::Mutex mu_;
  SpilledSessions spilled_ ABSL_GUARDED_BY(mu_);
  // The callbacks that wait for a session to come back, by its id. The first one's call brings it
  // back.
  absl::flat_hash_map<std::string, std::vector<Done>> coming_back_ ABSL_GUARDED_BY(mu_);
  // The callbacks that wait for room. While there is one, a round is under way for them.
  std::vector<absl::AnyInvocable<void()>> waiting_for_room_ ABSL_GUARDED_BY(mu_);
  Excess being_spilled_ ABSL_GUARDED_BY(mu_);  // in SpillOne, not dropped yet
  absl::Time pause_end_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_SESSION_SPILL_H_
