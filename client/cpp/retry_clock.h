// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_RETRY_CLOCK_H_
#define RNNSERVE_CLIENT_CPP_RETRY_CLOCK_H_

#include "absl/time/time.h"

namespace rnnserve::client {

// The clock of code that retries: it measures elapsed time and waits for the next attempt.
// Tests use one that advances by itself. Thread-safe.
class RetryClock {
 public:
  virtual ~RetryClock() = default;

  // Returns the time since some fixed moment; it never runs backwards.
  virtual absl::Duration Now() const = 0;
  // Returns after `duration`.
  virtual void Sleep(absl::Duration duration) = 0;
};

// The machine's monotonic clock, which is never set back. Owns nothing. Thread-safe.
class MonotonicRetryClock final : public RetryClock {
 public:
  absl::Duration Now() const override;
  void Sleep(absl::Duration duration) override;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RETRY_CLOCK_H_
