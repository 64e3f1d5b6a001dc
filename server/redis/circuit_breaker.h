// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_CIRCUIT_BREAKER_H_
#define RNNSERVE_SERVER_REDIS_CIRCUIT_BREAKER_H_

#include "absl/time/time.h"

namespace rnnserve {

// Decides whether requests to a remote peer may be sent. While the breaker is closed, requests go
// out. It opens when several in a row fail, or when the requests in flight get no answer for a
// while. While it is open, only one request goes out after each pause: the probe, whose answer
// closes the breaker. Each pause is twice as long as the one before, up to `max_pause`.
//
// A hanging peer is detected at most `max_silence` after the first request that it did not answer.
// A peer that returns is detected within `max_pause` plus the time of one probe.
//
// Owns nothing and reads no clock. Thread-compatible.
class CircuitBreaker {
 public:
  struct Options {
    // The number of failures in a row that opens the breaker. With more, a dead peer is detected
    // later; with 1, a single lost connection opens it.
    int max_failures = 3;
    // The breaker opens when requests are in flight and no answer has come for this long. If it is
    // too short, a peer that pauses (for a fork or a slow disk) is mistaken for a dead one.
    absl::Duration max_silence = absl::Milliseconds(800);
    // The pause between opening and the first probe, and the longest pause between two probes.
    absl::Duration min_pause = absl::Milliseconds(50);
    absl::Duration max_pause = absl::Seconds(1);
  };

  enum class State {
    kClosed,    // requests go out
    kOpen,      // no request goes out before the next probe is due
    kHalfOpen,  // a probe is in flight
  };

  // REQUIRES: max_failures > 0, max_silence > 0, 0 < min_pause <= max_pause.
  explicit CircuitBreaker(const Options& options);

  // Returns whether a request may go out now. After each pause it returns true once, for the probe,
  // whose outcome the caller then reports.
  bool Allow(absl::Time now);

  // Records that a request went out. The silence is measured from the first unanswered request or
  // the last answer, whichever is later.
  void Sent(absl::Time now);
  // Records an answer, which may be an error that the peer reports, and closes the breaker.
  // `is_more_awaited` tells whether requests without an answer remain.
  void Answered(absl::Time now, bool is_more_awaited);
  // Records that the requests in flight are lost, or that no request could be sent. Opens the
  // breaker if that was the probe, or the last of `max_failures` failures in a row.
  void Failed(absl::Time now);
  // Opens the breaker and returns true if the silence has lasted too long.
  bool CheckSilence(absl::Time now);

  State state() const { return state_; }
  // Returns the time at which the silence will have lasted too long or the next probe is due,
  // whichever is earlier. Infinite future if there is neither.
  absl::Time next_event() const;

 private:
  void Open(absl::Time now);

  // Constant after construction.
  const Options options_;

  State state_ = State::kClosed;
  int num_failures_ = 0;
  absl::Time silent_since_ = absl::InfiniteFuture();
  absl::Time next_probe_ = absl::InfiniteFuture();
  absl::Duration pause_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_SERVER_REDIS_CIRCUIT_BREAKER_H_
