// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that StepRate keeps an average for each class of batch sizes and forgets old ones.

#include "core/batching/step_rate.h"

#include <gtest/gtest.h>

namespace rnnserve {
namespace {

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

// Adds as many equal cell steps as it takes until they count.
void AddCellSteps(int64_t rows, absl::Duration duration, StepRate& rate) {
  for (int i = 0; i < SteadyAverage::kMinCount; ++i) rate.OnCellStep(rows, duration, kNow);
}

TEST(StepRateTest, IsZeroBeforeTheFirstStep) {
  const StepRate rate;

  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());
  EXPECT_EQ(rate.last_cell_step(1), absl::ZeroDuration());
  EXPECT_EQ(rate.row_timestep(kNow), absl::ZeroDuration());
}

TEST(StepRateTest, DividesARoundByItsRows) {
  StepRate rate;

  for (int i = 0; i < SteadyAverage::kMinCount; ++i) {
    rate.OnRound(4, absl::Microseconds(120), kNow);
  }

  EXPECT_EQ(rate.row_timestep(kNow), absl::Microseconds(30));
}

TEST(StepRateTest, TheLastCellStepIsKnownFromTheFirstOneOn) {
  StepRate rate;

  rate.OnCellStep(4, absl::Microseconds(80), kNow);

  EXPECT_EQ(rate.last_cell_step(4), absl::Microseconds(80));
  EXPECT_EQ(rate.cell_step(4, kNow), absl::ZeroDuration());
}

TEST(StepRateTest, LargeBatchesDoNotCountForOneRow) {
  StepRate rate;
  AddCellSteps(64, absl::Milliseconds(8), rate);
  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());

  AddCellSteps(2, absl::Milliseconds(1), rate);

  EXPECT_EQ(rate.cell_step(1, kNow), absl::ZeroDuration());
  EXPECT_EQ(rate.cell_step(2, kNow), absl::Milliseconds(1));
  // A size in between uses the next smaller size that is known.
  EXPECT_EQ(rate.cell_step(32, kNow), absl::Milliseconds(1));
  EXPECT_EQ(rate.cell_step(33, kNow), absl::Milliseconds(8));
  EXPECT_EQ(rate.cell_step(1'000'000, kNow), absl::Milliseconds(8));
}

TEST(StepRateTest, DoesNotRelyOnOldSteps) {
  StepRate rate;
  AddCellSteps(1, absl::Milliseconds(80), rate);
  for (int i = 0; i < SteadyAverage::kMinCount; ++i) {
    rate.OnRound(1, absl::Milliseconds(90), kNow);
  }
  const absl::Time later = kNow + SteadyAverage::kMaxAge + absl::Nanoseconds(1);

  EXPECT_EQ(rate.cell_step(1, kNow + SteadyAverage::kMaxAge), absl::Milliseconds(80));
  EXPECT_EQ(rate.cell_step(1, later), absl::ZeroDuration());
  EXPECT_EQ(rate.last_cell_step(1), absl::Milliseconds(80));
  EXPECT_EQ(rate.row_timestep(kNow + SteadyAverage::kMaxAge), absl::Milliseconds(90));
  EXPECT_EQ(rate.row_timestep(later), absl::ZeroDuration());
}

}  // namespace
}  // namespace rnnserve
