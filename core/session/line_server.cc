// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/line_server.h"

#include "core/session/session_table.h"

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
  // The callback is destroyed before other lines are served: what it owns may be a lease.
  std::exchange(callback, nullptr)(std::move(lease));
  // In front of the lines that the callback made ready, because this thread served this one first.
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
