// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/scheduler_options.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

EngineOptions WithWorkers(int workers) {
  EngineOptions options;
  options.workers = workers;
  options.batching.max_batch_rows = 7;
  return options;
}

TEST(SchedulerOptionsTest, EachCoreComputesItsOwnBatchesOfASmallModel) {
  const auto options = StepSchedulerOptions(*ForecasterModel(), WithWorkers(3));

  EXPECT_EQ(options.num_workers, 3);
  EXPECT_FALSE(options.has_team);
  EXPECT_EQ(options.batching.max_batch_rows, 7);
}

TEST(SchedulerOptionsTest, AllCoresComputeOneBatchOfALargeModel) {
  const auto options = StepSchedulerOptions(*LargeModel(), WithWorkers(3));

  EXPECT_EQ(options.num_workers, 3);
  EXPECT_TRUE(options.has_team);
  EXPECT_EQ(options.batching.max_batch_rows, 7);
}

TEST(SchedulerOptionsTest, UsesAllCoresOfTheMachineByDefault) {
  const auto options = StepSchedulerOptions(*DoublingModel(), WithWorkers(0));

  EXPECT_EQ(options.num_workers, static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(SchedulerOptionsTest, WholeSequencesOfAStreamableModelHaveOneWorker) {
  EXPECT_EQ(SequenceSchedulerOptions(*DoublingModel(), WithWorkers(3)).num_workers, 1);
  EXPECT_EQ(SequenceSchedulerOptions(*BidirectionalModel(), WithWorkers(3)).num_workers, 3);
}

}  // namespace
}  // namespace rnnserve::testing
