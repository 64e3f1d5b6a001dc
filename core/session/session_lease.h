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

// The exclusive right to read and change one session. There is at most one lease of a session at a
// time; SessionTable::Lease hands them out in the order of the calls.
//
// Destroying the lease returns the session, as it then is, to the next in line (whose callback may
// run on this thread, inside the destructor). Movable. Used by one thread at a time: whoever holds
// it. The store must outlive it.
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
  // The replies that the session keeps, at least 1 and at most ReplyWindow::kMaxSize.
  int reply_window() const;

  // Where the session stands for a step of this index.
  SessionProgress ProgressFor(std::optional<uint64_t> index) const;
  // Null if it is not kept.
  const KeptReply* FindReply(uint64_t index) const;
  // From the oldest on.
  absl::Span<const KeptReply> replies() const;
  // Keeps what the last step was answered; drops the oldest if there are too many.
  void KeepReply(KeptReply reply);

  StateView state() const { return state_; }

  // The state has moved by one step: version() grows by one.
  void CommitStep();

  Durability durability() const;
  // The version that is in the store of snapshots, at least. 0 without durability.
  uint64_t durable_version() const;
  // REQUIRES: the session is durable.
  CheckpointProgress& checkpoint() const;
  // The revision that is in the store of snapshots, at least, and when it was written, at least.
  // REQUIRES: the session is durable.
  uint64_t durable_revision() const;
  absl::Time snapshot_time() const;
  // The last use before this one.
  absl::Time last_use() const;

  // A writer takes over: epoch() grows by one, and steps of writers before it are refused. Of a
  // durable session it grows once until the store has it, see CheckpointProgress.
  void Attach();

  // Returns the session before the lease goes out of scope. The lease is spent.
  void Return() &&;

  // The same, but this was no use of the session: it expires as if the lease had not been.
  void ReturnUnused() &&;

  // Takes the session out of memory without ending it: nothing of it is remembered or told. Not if
  // somebody waits in line: then it returns false and nothing has changed. Else the lease is spent.
  // REQUIRES: the session lives on elsewhere.
  bool Drop();

  // Ends the session: it is gone at once, and the callers in line get NOT_FOUND with that reason.
  // The lease is spent.
  void End(EndReason reason) &&;

 private:
  friend class SessionTable;
  SessionLease(SessionTable* store, Session* session, StateView state, uint64_t version_on_arrival);

  SessionTable* store_;  // null once spent or moved from
  Session* session_;
  StateView state_;
  uint64_t version_on_arrival_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_LEASE_H_
