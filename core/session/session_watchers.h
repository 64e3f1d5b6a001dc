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

// What the watchers of one session are to be told: made under a lock, told without it. A value.
struct SessionNews {
  // Nearly always there is one: the stream that the session is used on.
  using Watchers = absl::InlinedVector<std::weak_ptr<SessionWatcher>, 1>;

  struct Dropped {};
  // What is left before it expires, its end, or that it has left memory without an end.
  using What = std::variant<absl::Duration, EndReason, Dropped>;

  std::string id;
  Watchers watchers;
  What what;

  // Tells those that are still there. REQUIRES: the caller holds no lock.
  void Tell() const;
};

// Who watches which session, by its index in the table. Sessions that nobody watches take nothing.
// Private to this folder.
//
// Owns weak pointers alone. Thread-compatible. Nothing fails.
class SessionWatchers {
 public:
  // Adds a watcher to a session; one that is there already is not added again.
  void Add(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher);
  // Removes one, if it is there, and those that are gone; says whether any is left.
  bool Remove(uint32_t session, const std::weak_ptr<SessionWatcher>& watcher);
  // Those of a session, which keeps them.
  SessionNews::Watchers Of(uint32_t session) const;
  // Those of a session, which has none from now on.
  SessionNews::Watchers Take(uint32_t session);

 private:
  absl::flat_hash_map<uint32_t, SessionNews::Watchers> watchers_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_WATCHERS_H_
