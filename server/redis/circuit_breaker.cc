// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/circuit_breaker.h"

#include <algorithm>
#include <cassert>

namespace rnnserve {

CircuitBreaker::CircuitBreaker(const Options& options)
    : options_(options), pause_(options.min_pause) {
  assert(options.max_failures > 0);
  assert(options.max_silence > absl::ZeroDuration());
  assert(options.min_pause > absl::ZeroDuration() && options.min_pause <= options.max_pause);
}

bool CircuitBreaker::Allow(absl::Time now) {
  if (state_ == State::kClosed) return true;
  if (state_ == State::kHalfOpen || now < next_probe_) return false;
  state_ = State::kHalfOpen;
  return true;
}

void CircuitBreaker::Sent(absl::Time now) {
  if (silent_since_ == absl::InfiniteFuture()) silent_since_ = now;
}

void CircuitBreaker::Answered(absl::Time now, bool is_more_awaited) {
  state_ = State::kClosed;
  num_failures_ = 0;
  pause_ = options_.min_pause;
  silent_since_ = is_more_awaited ? now : absl::InfiniteFuture();
}

void CircuitBreaker::Failed(absl::Time now) {
  silent_since_ = absl::InfiniteFuture();
  ++num_failures_;
  if (state_ == State::kHalfOpen || num_failures_ >= options_.max_failures) Open(now);
}

bool CircuitBreaker::CheckSilence(absl::Time now) {
  if (silent_since_ == absl::InfiniteFuture()) return false;
  if (now - silent_since_ < options_.max_silence) return false;
  silent_since_ = absl::InfiniteFuture();
  Open(now);
  return true;
}

absl::Time CircuitBreaker::next_event() const {
  const absl::Time probe = state_ == State::kOpen ? next_probe_ : absl::InfiniteFuture();
  return std::min(probe, silent_since_ + options_.max_silence);
}

void CircuitBreaker::Open(absl::Time now) {
  state_ = State::kOpen;
  next_probe_ = now + pause_;
  pause_ = std::min(pause_ * 2, options_.max_pause);
}

}  // namespace rnnserve
