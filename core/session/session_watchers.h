// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_WATCHERS_H_
#define RNNSERVE_CORE_SESSION_SESSION_WATCHERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "core/session/end_reason.h"
#include "core/session/session_watcher.h"

namespace rnnserve {

// News for the watchers of one session. A value: it is made under the lock of the session table and
// delivered after the lock is released.
struct SessionNews {
  // Nearly always there is one watcher: the stream that uses the session.
  using Watchers = absl::InlinedVector<std::weak_ptr<SessionWatcher>, 1>;

  struct Dropped {};
  // The time left before it expires, the reason why it ended, or that it was dropped from memory.
  using What = std::variant<absl::Duration, EndReason, Dropped>;

  std::string id;
  Watchers watchers;
  What what;

  // Tells the watchers that still exist. REQUIRES: the caller holds no lock.
  void Tell() const;
};

// Maps sessions to their watchers. A session is named by its index in SessionIndex. Sessions that
// nobody watches take no memory. Private to this folder.
//
// Owns only weak pointers. Thread-compatible. Nothing fails.
class SessionWatchers {
 public:
  // Adds a watcher to a session unless it watches the session already.
  void Add(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher);
  // Removes this watcher, if it is there, and all that no longer exist. Returns whether any is
  // left.
  bool Remove(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher);
  // Returns a session's watchers.
  SessionNews::Watchers Of(uint32_t session) const;
  // Removes and returns a session's watchers.
  SessionNews::Watchers Take(uint32_t session);

 private:
  absl::flat_hash_map<uint32_t, SessionNews::Watchers> watchers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_WATCHERS_H_
