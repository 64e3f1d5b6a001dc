// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that StepRate keeps an average for each class of batch sizes, follows new steps and forgets
// old ones.

#include "core/batching/step_rate.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

TEST(StepRateTest, IsZeroBeforeTheFirstStep) {
  const StepRate rate;

  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());
  EXPECT_EQ(rate.last_cell_step(1), absl::ZeroDuration());
  EXPECT_EQ(rate.row_timestep(), absl::ZeroDuration());
}

TEST(StepRateTest, StartsWithTheFirstStep) {
  StepRate rate;
  rate.OnCellStep(4, absl::Microseconds(80), kNow);

  rate.OnRound(4, absl::Microseconds(120));

  EXPECT_EQ(rate.cell_step(4, kNow), absl::Microseconds(80));
  EXPECT_EQ(rate.row_timestep(), absl::Microseconds(30));
}

TEST(StepRateTest, FollowsTheLatestSteps) {
  StepRate rate;
  rate.OnCellStep(1, absl::Milliseconds(8), kNow);
  rate.OnCellStep(1, absl::Milliseconds(16), kNow);
  EXPECT_EQ(rate.cell_step(1, kNow), absl::Milliseconds(9));

  for (int i = 0; i < 100; ++i) rate.OnCellStep(1, absl::Milliseconds(1), kNow);

  EXPECT_NEAR(absl::ToDoubleMilliseconds(rate.cell_step(1, kNow)), 1.0, 0.01);
}

TEST(StepRateTest, LargeBatchesDoNotCountForOneRow) {
  StepRate rate;
  rate.OnCellStep(64, absl::Milliseconds(8), kNow);
  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());

  rate.OnCellStep(2, absl::Milliseconds(1), kNow);

  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());
  EXPECT_EQ(rate.cell_step(2, kNow), absl::Milliseconds(1));
  // A size in between uses the next smaller size that is known.
  EXPECT_EQ(rate.cell_step(32, kNow), absl::Milliseconds(1));
  EXPECT_EQ(rate.cell_step(33, kNow), absl::Milliseconds(8));
  EXPECT_EQ(rate.cell_step(1'000'000, kNow), absl::Milliseconds(8));
}

TEST(StepRateTest, DoesNotRelyOnOldSteps) {
  StepRate rate;
  rate.OnCellStep(1, absl::Milliseconds(80), kNow);
  const absl::Time later = kNow + StepRate::kMaxAge + absl::Nanoseconds(1);

  EXPECT_EQ(rate.cell_step(1, kNow + StepRate::kMaxAge), absl::Milliseconds(80));
  EXPECT_EQ(rate.cell_step(1, later), absl::ZeroDuration());
  EXPECT_EQ(rate.last_cell_step(1), absl::Milliseconds(80));

  rate.OnCellStep(1, absl::Milliseconds(1), later);
  EXPECT_EQ(rate.cell_step(1, later), absl::Milliseconds(1));
}

}  // namespace
}  // namespace rnnserve
