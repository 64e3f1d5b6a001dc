// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that SteadyAverage follows lasting changes and not single outliers, and which of its values
// count as recent.

#include "core/batching/steady_average.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

void Add(int count, absl::Duration duration, SteadyAverage& average) {
  for (int i = 0; i < count; ++i) average.Add(duration, kNow);
}

TEST(SteadyAverageTest, IsZeroBeforeTheFirstDuration) {
  const SteadyAverage average;

  EXPECT_FALSE(average.is_recent(kNow));
  EXPECT_EQ(average.recent(kNow), absl::ZeroDuration());
  EXPECT_EQ(average.last(), absl::ZeroDuration());
}

TEST(SteadyAverageTest, FewDurationsAreNoEvidence) {
  SteadyAverage average;
  Add(SteadyAverage::kMinCount - 1, absl::Milliseconds(8), average);
  EXPECT_EQ(average.recent(kNow), absl::ZeroDuration());
  EXPECT_EQ(average.last(), absl::Milliseconds(8));

  Add(1, absl::Milliseconds(8), average);

  EXPECT_EQ(average.recent(kNow), absl::Milliseconds(8));
}

TEST(SteadyAverageTest, TheFirstDurationsCountAsTheShortestOfThem) {
  SteadyAverage average;
  Add(1, absl::Seconds(3), average);
  Add(1, absl::Milliseconds(2), average);

  Add(2, absl::Milliseconds(3), average);

  EXPECT_EQ(average.recent(kNow), absl::Milliseconds(2));
}

TEST(SteadyAverageTest, FollowsTheLatestDurations) {
  SteadyAverage average;
  Add(4, absl::Milliseconds(8), average);
  Add(1, absl::Milliseconds(16), average);
  EXPECT_EQ(average.recent(kNow), absl::Milliseconds(9));

  Add(100, absl::Milliseconds(1), average);

  EXPECT_NEAR(absl::ToDoubleMilliseconds(average.recent(kNow)), 1.0, 0.01);
}

TEST(SteadyAverageTest, AnOutlierOfAnyLengthRaisesItByThreeEighths) {
  SteadyAverage average;
  Add(4, absl::Milliseconds(8), average);

  Add(1, absl::Hours(1), average);

  EXPECT_EQ(average.recent(kNow), absl::Milliseconds(11));
}

TEST(SteadyAverageTest, FollowsATenfoldIncreaseWithinEightDurations) {
  SteadyAverage average;
  Add(4, absl::Milliseconds(1), average);

  Add(8, absl::Milliseconds(10), average);

  EXPECT_GT(average.recent(kNow), absl::Milliseconds(6));
}

TEST(SteadyAverageTest, FollowsStallsOfEveryThirdDuration) {
  SteadyAverage average;
  Add(4, absl::Milliseconds(1), average);

  for (int i = 0; i < 100; ++i) {
    Add(2, absl::Milliseconds(1), average);
    Add(1, absl::Milliseconds(20), average);
  }

  EXPECT_GT(average.recent(kNow), absl::Milliseconds(5));
}

TEST(SteadyAverageTest, GrowsFromZero) {
  SteadyAverage average;
  Add(4, absl::ZeroDuration(), average);

  Add(100, absl::Milliseconds(1), average);

  EXPECT_NEAR(absl::ToDoubleMilliseconds(average.recent(kNow)), 1.0, 0.01);
}

TEST(SteadyAverageTest, BeginsAnewAfterAPause) {
  SteadyAverage average;
  Add(4, absl::Milliseconds(80), average);
  const absl::Time last = kNow + SteadyAverage::kMaxAge;
  const absl::Time later = last + absl::Nanoseconds(1);
  EXPECT_EQ(average.recent(last), absl::Milliseconds(80));
  EXPECT_EQ(average.recent(later), absl::ZeroDuration());
  EXPECT_EQ(average.last(), absl::Milliseconds(80));

  for (int i = 0; i < 4; ++i) average.Add(absl::Milliseconds(1), later);

  EXPECT_EQ(average.recent(later), absl::Milliseconds(1));
}

}  // namespace
}  // namespace rnnserve
