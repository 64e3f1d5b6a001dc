// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/line_server.h"

#include "core/session/session_table.h"

// The thread that serves a line
//
// A thread that gets in line or returns a lease serves the line only if no other thread does;
// SessionLine decides that under the lock of the session table. All other threads leave their
// callback in the line and go on, so no thread waits for another here. The serving thread runs the
// callbacks of callers from any thread, which must not block. When a callback keeps its lease, the
// service ends, and the thread that returns the lease takes it up again.
//
// A LineServer belongs to its thread and needs no lock. The sessions in lines_ cannot be destroyed,
// because a session stays until no thread serves its line.

namespace rnnserve {

LineServer& LineServer::OfThisThread() {
  thread_local LineServer server;
  return server;
}

void LineServer::Serve(SessionTable& table, Session& session) {
  lines_.emplace_back(&table, &session);
  if (!is_in_callback_) ServeAll();
}

void LineServer::ServeFirst(SessionTable& table, Session& session, SessionLease lease,
                            SessionLine::Callback&& callback) {
  is_in_callback_ = true;
  // The callback is destroyed before other lines are served, because it may own a lease.
  std::exchange(callback, nullptr)(std::move(lease));
  // Goes in front of the lines that the callback made ready, because this thread was already
  // serving it.
  lines_.emplace_front(&table, &session);
  ServeAll();
}

void LineServer::ServeAll() {
  is_in_callback_ = true;
  while (!lines_.empty()) {
    const auto [table, session] = lines_.front();
    lines_.pop_front();
    table->ServeLine(*session);
  }
  is_in_callback_ = false;
}

}  // namespace rnnserve
