// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/clock.h"

#include <gtest/gtest.h>

// The real clock: the only promise that a test can check without sleeping is that it moves, and
// forwards.

namespace rnnserve {
namespace {

TEST(MonotonicClockTest, NeverRunsBackwardsAndMoves) {
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
