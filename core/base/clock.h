// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_CLOCK_H_
#define RNNSERVE_CORE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace rnnserve {

// The source of time for everything that measures, expires or has a deadline. Tests replace it with
// a clock that they set.
//
// The time is monotonic: it counts from an arbitrary origin, never jumps and never goes backwards.
// It is not the time of day. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The machine's monotonic clock. Owns nothing. Immutable; safe to share.
class MonotonicClock final : public Clock {
 public:
  absl::Time Now() const override;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_CLOCK_H_
