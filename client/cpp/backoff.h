// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_BACKOFF_H_
#define RNNSERVE_CLIENT_CPP_BACKOFF_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rnnserve::client {

// How long to rest before each attempt: twice as long as before, from `min` to `max`, of which a
// random half is left out, so that the clients of a server that failed do not come back at once.
//
// A value. Thread-compatible. Nothing fails.
class Backoff {
 public:
  // Equal seeds give equal rests. REQUIRES: 0 < min <= max.
  Backoff(absl::Duration min, absl::Duration max, uint64_t seed);

  // The next rest, in (n/2, n] for the n of this attempt.
  absl::Duration Next();
  // The next rest is as short as the first.
  void Reset() { next_ = min_; }

 private:
  absl::Duration min_;
  absl::Duration max_;
  absl::Duration next_;
  uint64_t random_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_BACKOFF_H_
