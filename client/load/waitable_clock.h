// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_
#define RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_

#include "absl/time/time.h"

namespace rnnserve::client {

// A clock that can be waited for. Thread-safe.
class WaitableClock {
 public:
  virtual ~WaitableClock() = default;

  // The time since any fixed moment; it never runs backwards.
  virtual absl::Duration Now() const = 0;

  // Returns at `time`, or at once if that has passed.
  virtual void WaitUntil(absl::Duration time) = 0;
};

// The machine's monotonic clock. Owns nothing.
class MachineClock final : public WaitableClock {
 public:
  absl::Duration Now() const override;

  // Asks the kernel not to put off the end of this thread's waits, which it does by 50 us
  // otherwise.
  void WaitUntil(absl::Duration time) override;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_WAITABLE_CLOCK_H_
