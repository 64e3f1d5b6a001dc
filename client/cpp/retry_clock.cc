// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/retry_clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace rnnserve::client {

absl::Duration MonotonicRetryClock::Now() const {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

void MonotonicRetryClock::Sleep(absl::Duration duration) { absl::SleepFor(duration); }

}  // namespace rnnserve::client
