// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_
#define RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Is told what becomes of the sessions that it watches (SessionTable::Watch). Owned by whoever
// watches; the store keeps no more than a weak pointer. Thread-safe: calls come from callers of the
// store and from workers, several at a time, never under a lock, and must return soon. They do not
// fail. One that was under way may arrive after Unwatch.
class SessionWatcher {
 public:
  virtual ~SessionWatcher() = default;

  // Nobody has called the session for so long that it will expire, unless it is called, in `left`.
  virtual void OnSessionExpiring(absl::string_view id, absl::Duration left) = 0;
  // The session is gone. It is not watched any more.
  virtual void OnSessionEnded(absl::string_view id, EndReason reason) = 0;
  // The session has left memory without an end (SessionLease::Drop), and is not watched any more.
  virtual void OnSessionDropped(absl::string_view id) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_
