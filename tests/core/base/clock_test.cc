// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/clock.h"

#include <gtest/gtest.h>

// Tests the real clock. A test that does not sleep can only check that the clock moves, and moves
// forward.

namespace rnnserve {
namespace {

TEST(MonotonicClockTest, MovesAndNeverGoesBackwards) {
  const MonotonicClock clock;
  const absl::Time start = clock.Now();

  absl::Time last = start;
  while (last == start) {
    const absl::Time now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }

  EXPECT_GT(last, start);
}

}  // namespace
}  // namespace rnnserve
