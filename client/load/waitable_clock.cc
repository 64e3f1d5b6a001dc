// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/waitable_clock.h"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

namespace rnnserve::client {

absl::Duration MachineClock::Now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return absl::DurationFromTimespec(time);
}

void MachineClock::WaitUntil(absl::Duration time) {
  thread_local const bool is_punctual = prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) == 0;
  // If the call fails, waits end late, and the load reports how late its messages left.
  static_cast<void>(is_punctual);
  const timespec until = absl::ToTimespec(time);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace rnnserve::client
