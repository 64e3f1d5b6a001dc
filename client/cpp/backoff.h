// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_BACKOFF_H_
#define RNNSERVE_CLIENT_CPP_BACKOFF_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve::client {

// Exponential backoff with jitter: the wait before each attempt. The nominal wait doubles from
// `min` to `max`, and a random part of up to half is taken off, so that the clients of a server
// that failed do not all return at once.
//
// A value. Thread-compatible. Its functions never fail.
class Backoff {
 public:
  // Equal seeds give equal waits. REQUIRES: 0 < min <= max.
  Backoff(absl::Duration min, absl::Duration max, uint64_t seed);

  // Returns the next wait, in (n/2, n] where n is the nominal wait of this attempt.
  absl::Duration Next();
  // Makes the next wait as short as the first.
  void Reset() { next_ = min_; }

 private:
  absl::Duration min_;
  absl::Duration max_;
  absl::Duration next_;
  uint64_t random_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_BACKOFF_H_
