// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_
#define RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/session/end_reason.h"

namespace rnnserve {

// Receives the news of the sessions that it watches (SessionTable::Watch). Owned by whoever
// watches; the session table keeps only a weak pointer. Thread-safe: calls come from callers of the
// session table and from workers, several at a time and never under a lock. They must return soon
// and cannot fail. A call that is under way during Unwatch may arrive after it.
class SessionWatcher {
 public:
  virtual ~SessionWatcher() = default;

  // The session has been idle for so long that it expires in `left` unless it is called.
  virtual void OnSessionExpiring(absl::string_view id, absl::Duration left) = 0;
  // The session has ended and is no longer watched.
  virtual void OnSessionEnded(absl::string_view id, EndReason reason) = 0;
  // The session has left memory without ending (SessionLease::Drop) and is no longer watched.
  virtual void OnSessionDropped(absl::string_view id) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_WATCHER_H_
