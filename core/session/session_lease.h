// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_LEASE_H_
#define RNNSERVE_CORE_SESSION_SESSION_LEASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/model/model.h"
#include "core/session/durability.h"
#include "core/session/end_reason.h"
#include "core/session/reply_window.h"
#include "core/session/state_view.h"
#include "core/session/step_decision.h"

namespace rnnserve {

class SessionHost;
class SessionTable;
struct Session;

// The exclusive right to read and change one session. A session has at most one lease at a time;
// SessionTable::Lease hands leases out in the order of the calls.
//
// Destroying the lease returns the session, as it then is, to the next caller in line, whose
// callback may run on this thread, inside the destructor. Movable. Used by one thread at a time:
// its holder. The session table must outlive it.
class SessionLease {
 public:
  SessionLease(SessionLease&& other) noexcept;
  SessionLease& operator=(SessionLease&& other) noexcept;
  ~SessionLease();

  std::string id() const;
  const std::string& model_name() const;
  const std::shared_ptr<const Model>& model() const;
  // See PinnedModel.
  const std::shared_ptr<SessionHost>& host() const;
  uint64_t version() const;
  uint64_t epoch() const;
  absl::Duration idle_timeout() const;
  // Returns how many replies the session keeps, in [1, ReplyWindow::kMaxSize].
  int reply_window() const;

  // Returns the session's progress, as DecideStep needs it for step `index`.
  SessionProgress ProgressFor(std::optional<uint64_t> index) const;
  // Returns the kept reply of that step; null if it is not kept.
  const KeptReply* FindReply(uint64_t index) const;
  // Returns the kept replies, oldest first.
  absl::Span<const KeptReply> replies() const;
  // Keeps the reply to the last step; drops the oldest one if the window is full.
  void KeepReply(KeptReply reply);

  StateView state() const { return state_; }

  // Records that the state has moved by one step: raises version() by one.
  void CommitStep();

  Durability durability() const;
  // Returns the latest version that the snapshot store is known to have; 0 without durability.
  uint64_t durable_version() const;
  // REQUIRES: the session is durable.
  CheckpointProgress& checkpoint() const;
  // Return the latest revision that the snapshot store is known to have, and when the store
  // confirmed it. REQUIRES: the session is durable.
  uint64_t durable_revision() const;
  absl::Time snapshot_time() const;
  // Returns when the session was last used before this lease.
  absl::Time last_use() const;

  // Records that a new writer takes over: raises epoch() by one, so that steps of earlier writers
  // are refused. If the snapshot store does not have a durable session's epoch yet, the epoch stays
  // (see CheckpointProgress::is_epoch_unstored).
  void Attach();

  // Returns the session before the lease goes out of scope. The lease is spent.
  void Return() &&;

  // Returns the session as if it had not been leased: this does not count as a use, so its expiry
  // does not move. The lease is spent.
  void ReturnUnused() &&;

  // Removes the session from memory without ending it: it leaves no tombstone, and its watchers are
  // told that it was dropped. Returns true if it was removed; the lease is then spent. If a caller
  // waits in line, returns false and changes nothing. REQUIRES: the session lives on elsewhere.
  bool Drop();

  // Ends the session: removes it at once and answers the callers in line with NOT_FOUND and that
  // reason. The lease is spent.
  void End(EndReason reason) &&;

 private:
  friend class SessionTable;
  SessionLease(SessionTable* table, Session* session, StateView state, uint64_t version_on_arrival);

  SessionTable* table_;  // null once spent or moved from
  Session* session_;
  StateView state_;
  uint64_t version_on_arrival_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_LEASE_H_
