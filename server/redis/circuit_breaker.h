// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_CIRCUIT_BREAKER_H_
#define RNNSERVE_SERVER_REDIS_CIRCUIT_BREAKER_H_

#include "absl/time/time.h"

namespace rnnserve {

// Decides whether something far away is worth asking. While it is closed, requests go out. It opens
// when several in a row fail, or when those under way get no answer for a while; then none goes
// out, but one after each pause: the probe, whose answer closes it. The pauses double.
//
// Who asks hears of a hanging peer at most `max_silence` after the first request that it did not
// answer, and a peer that returns is found within `max_pause` and the time of a probe.
//
// It owns nothing and reads no clock. Thread-compatible.
class CircuitBreaker {
 public:
  struct Options {
    // So many failures in a row open it. More: a longer wait for a peer that is gone; 1: one lost
    // connection is enough.
    int max_failures = 3;
    // So long without an answer, while one is awaited, opens it. Shorter: a peer that pauses (a
    // fork, a slow disk) is taken for a dead one.
    absl::Duration max_silence = absl::Milliseconds(800);
    // Between opening and the first probe, and at most between two probes.
    absl::Duration min_pause = absl::Milliseconds(50);
    absl::Duration max_pause = absl::Seconds(1);
  };

  enum class State {
    kClosed,    // requests go out
    kOpen,      // none does before the next probe is due
    kHalfOpen,  // a probe is under way
  };

  // REQUIRES: max_failures > 0, max_silence > 0, 0 < min_pause <= max_pause.
  explicit CircuitBreaker(const Options& options);

  // Whether a request may go out now. True once, for the probe, when a pause has ended; the caller
  // then reports what becomes of it.
  bool Allow(absl::Time now);

  // A request went out. The silence counts from the first that is not answered.
  void Sent(absl::Time now);
  // Something came back, an error that the peer reports included; `is_more_awaited` tells whether
  // there are requests without an answer still. Closes it.
  void Answered(absl::Time now, bool is_more_awaited);
  // The requests under way are lost, or a new one could not be made. Opens it if that was the probe
  // or one too many in a row.
  void Failed(absl::Time now);
  // Opens it, and returns true, if the silence has been too long.
  bool CheckSilence(absl::Time now);

  State state() const { return state_; }
  // When the silence will have been too long, or the next probe is due; infinite future if nothing
  // is awaited.
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
