// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_LINE_SERVER_H_
#define RNNSERVE_CORE_SESSION_LINE_SERVER_H_

#include <deque>
#include <utility>

#include "core/session/session_lease.h"
#include "core/session/session_line.h"

namespace rnnserve {

class SessionTable;
struct Session;

// Serves the lines that one thread has been told to serve (SessionLine), one after another. Private
// to this folder.
//
// A callback may return leases and ask for others, which makes more lines ready to be served. The
// loop that runs the callback serves those lines afterwards, so callbacks are never nested, and a
// chain of sessions of any length takes no more stack than a single one.
//
// Used by one thread at a time: its own. Holds no lock while a callback runs.
class LineServer {
 public:
  static LineServer& OfThisThread();

  bool is_in_callback() const { return is_in_callback_; }

  // Serves the line of the session and every line that this makes ready: now, or after the callback
  // that this thread is running. REQUIRES: this thread must serve the line.
  void Serve(SessionTable& table, Session& session);

  // Hands `lease` to a caller that did not have to get in line, then serves the session's line and
  // every line that this makes ready. REQUIRES: this thread must serve the line, and is not running
  // a callback.
  void ServeFirst(SessionTable& table, Session& session, SessionLease lease,
                  SessionLine::Callback&& callback);

 private:
  void ServeAll();

  std::deque<std::pair<SessionTable*, Session*>>
      lines_;  // in the order in which this thread got them
  bool is_in_callback_ = false;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_LINE_SERVER_H_
