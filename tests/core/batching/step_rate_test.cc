// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/step_rate.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

TEST(StepRateTest, IsZeroBeforeTheFirstStep) {
  const StepRate rate;

  EXPECT_EQ(rate.cell_step(), absl::ZeroDuration());
  EXPECT_EQ(rate.row_timestep(), absl::ZeroDuration());
}

TEST(StepRateTest, BeginsWithTheFirstStep) {
  StepRate rate;
  rate.OnCellStep(4, absl::Microseconds(80));

  EXPECT_EQ(rate.cell_step(), absl::Microseconds(80));
  EXPECT_EQ(rate.row_timestep(), absl::Microseconds(20));
}

TEST(StepRateTest, FollowsWhatStepsTakeNow) {
  StepRate rate;
  rate.OnCellStep(1, absl::Milliseconds(8));
  rate.OnCellStep(1, absl::Milliseconds(16));
  EXPECT_EQ(rate.cell_step(), absl::Milliseconds(9));

  for (int i = 0; i < 100; ++i) rate.OnCellStep(1, absl::Milliseconds(1));

  EXPECT_NEAR(absl::ToDoubleMilliseconds(rate.cell_step()), 1.0, 0.01);
}

}  // namespace
}  // namespace rnnserve
