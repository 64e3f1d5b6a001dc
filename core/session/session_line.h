// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_LINE_H_
#define RNNSERVE_CORE_SESSION_SESSION_LINE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/session/session_lease.h"

namespace rnnserve {

// The callers of one session: whether one holds the lease, who waits for it, and whether a thread
// is serving those that wait. Part of a Session; private to this folder.
//
// A thread serves a line by leasing the session to the next caller again and again, until a
// callback returns and its lease has not come back. Enter and Return say whether the calling thread
// must now do this, and LineServer does it.
//
// Invariants, while the lock of the session table is held:
//   1. If the session is neither leased nor served, nobody waits.
//   2. At most one thread serves the line, and only that thread calls Next.
//   3. A session that has ended stays leased, and nobody waits for it. It is destroyed once no
//      thread serves it.
//
// Owns the callbacks of those that wait; allocates only when somebody has to wait.
// Thread-compatible.
class SessionLine {
 public:
  using Callback = absl::AnyInvocable<void(absl::StatusOr<SessionLease>)>;
  struct Caller {
    Callback callback;
    uint64_t version_on_arrival;  // the session's version when the caller got in line
  };
  using Callers = std::list<Caller>;

  // Returns whether the session is neither leased nor served.
  bool is_free() const { return !is_leased_ && !is_served_; }
  bool is_leased() const { return is_leased_; }
  bool is_served() const { return is_served_; }
  bool has_ended() const { return has_ended_; }
  size_t num_waiting() const { return waiting_ == nullptr ? 0 : waiting_->size(); }

  // Marks the session as leased. REQUIRES: it is not leased.
  void Lease() { is_leased_ = true; }
  // Makes the calling thread the one that serves the line. REQUIRES: the session is free.
  void BeginServing() { is_served_ = true; }

  // Puts a caller at the end of the line. Returns whether the calling thread must now serve it.
  bool Enter(Caller caller);
  // Marks the session as no longer leased. Returns whether the calling thread must now serve the
  // line.
  bool Return();
  // Takes the first caller out of the line. Returns nothing, and the line is no longer served, if
  // the session is leased or nobody waits. REQUIRES: the calling thread serves the line, and the
  // session has not ended.
  std::optional<Caller> Next();

  // Takes all callers out of the line; null if nobody waits.
  std::unique_ptr<Callers> TakeWaiting() { return std::move(waiting_); }
  // Records that the session has ended. REQUIRES: nobody waits.
  void End();

 private:
  std::unique_ptr<Callers> waiting_ = nullptr;  // null if nobody waits
  bool is_leased_ = false;
  bool is_served_ = false;
  bool has_ended_ = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_LINE_H_
