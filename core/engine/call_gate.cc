// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/call_gate.h"

#include <utility>

#include "core/base/error.h"

namespace rnnserve {

CallGate::Pass::Pass(const Pass& other) : Pass(other.gate_->Enter()) {}

CallGate::Pass::Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}

CallGate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->Leave();
}

absl::StatusOr<CallGate::Pass> CallGate::EnterWithWork() {
  absl::MutexLock lock(&mu_);
  if (is_closed_) {
    return MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                     "the server is draining and takes no new work");
  }
  ++num_passes_;
  return Pass(this);
}

absl::StatusOr<CallGate::Pass> CallGate::EnterWithSession() {
  absl::MutexLock lock(&mu_);
  if (is_closed_to_sessions_ || is_closed_) {
    return MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                     "the server is draining and takes no new sessions");
  }
  ++num_passes_;
  return Pass(this);
}

CallGate::Pass CallGate::Enter() {
  absl::MutexLock lock(&mu_);
  ++num_passes_;
  return Pass(this);
}

void CallGate::Leave() {
  absl::MutexLock lock(&mu_);
  --num_passes_;
}

void CallGate::CloseToSessions() {
  absl::MutexLock lock(&mu_);
  is_closed_to_sessions_ = true;
}

void CallGate::Close() {
  absl::MutexLock lock(&mu_);
  is_closed_ = true;
}

bool CallGate::WaitUntilIdle(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(this, &CallGate::IsIdle), timeout);
}

}  // namespace rnnserve
