// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that an ArrivalGap starts at the longest gap, follows the arrivals and forgets a pause.

#include "core/batching/arrival_gap.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

constexpr absl::Duration kLongest = absl::Microseconds(100);

TEST(ArrivalGapTest, StartsAtTheLongestGap) {
  ArrivalGap gap(kLongest);
  EXPECT_EQ(gap.OnArrival(absl::FromUnixSeconds(1000)), kLongest);
}

TEST(ArrivalGapTest, FollowsTheArrivals) {
  ArrivalGap gap(kLongest);
  absl::Time now = absl::FromUnixSeconds(1000);
  gap.OnArrival(now);
  EXPECT_EQ(gap.OnArrival(now += absl::Microseconds(20)), absl::Microseconds(90));

  absl::Duration average;
  for (int i = 0; i < 100; ++i) average = gap.OnArrival(now += absl::Microseconds(20));

  EXPECT_NEAR(absl::ToDoubleMicroseconds(average), 20, 0.1);
}

TEST(ArrivalGapTest, SoonForgetsAPause) {
  ArrivalGap gap(kLongest);
  absl::Time now = absl::FromUnixSeconds(1000);
  for (int i = 0; i < 100; ++i) gap.OnArrival(now += absl::Microseconds(20));

  EXPECT_LT(gap.OnArrival(now += absl::Seconds(3600)), absl::Microseconds(31));
}

TEST(ArrivalGapTest, AClockThatIsSetBackCountsAsNoGap) {
  ArrivalGap gap(kLongest);
  gap.OnArrival(absl::FromUnixSeconds(1000));

  EXPECT_EQ(gap.OnArrival(absl::FromUnixSeconds(900)), absl::Nanoseconds(87'500));
}

}  // namespace
}  // namespace rnnserve
