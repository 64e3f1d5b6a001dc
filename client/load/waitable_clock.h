// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_
#define RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_

#include "absl/time/time.h"

namespace rnnserve::client {

// A clock with a blocking wait. Thread-safe.
class WaitableClock {
 public:
  virtual ~WaitableClock() = default;

  // Returns the time since some fixed moment; it never runs backwards.
  virtual absl::Duration Now() const = 0;

  // Returns at `time`, or at once if that has passed.
  virtual void WaitUntil(absl::Duration time) = 0;
};

// The machine's monotonic clock. Owns nothing. Thread-safe.
class MachineClock final : public WaitableClock {
 public:
  absl::Duration Now() const override;

  // Asks the kernel not to delay the end of this thread's waits, which it does by up to 50 us by
  // default.
  void WaitUntil(absl::Duration time) override;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_
