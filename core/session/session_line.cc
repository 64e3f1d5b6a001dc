// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_line.h"

#include <utility>

namespace rnnserve {

bool SessionLine::Enter(Caller caller) {
  if (waiting_ == nullptr) waiting_ = std::make_unique<Callers>();
  waiting_->push_back(std::move(caller));
  if (!is_free()) return false;
  is_served_ = true;
  return true;
}

bool SessionLine::Return() {
  is_leased_ = false;
  // A thread that serves the line looks at it again when its callback returns.
  if (is_served_ || num_waiting() == 0) return false;
  is_served_ = true;
  return true;
}

std::optional<SessionLine::Caller> SessionLine::Next() {
  // The thread that returns the lease serves the rest of the line.
  if (is_leased_ || num_waiting() == 0) {
    is_served_ = false;
    return std::nullopt;
  }
  Caller next = std::move(waiting_->front());
  waiting_->pop_front();
  if (waiting_->empty()) waiting_.reset();
  return next;
}

void SessionLine::End() {
  is_leased_ = true;
  has_ended_ = true;
}

}  // namespace rnnserve
