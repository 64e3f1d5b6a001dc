// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that BatchWorker allocates nothing in a round in which no row joins or leaves.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/batching/batch_worker.h"
#include "tests/core/batching/step_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

class BatchWorkerAllocTest : public ::testing::TestWithParam<ModelPtr (*)()> {};

constexpr int kTimesteps = 50;

// Runs eight rows of kTimesteps timesteps, `at_once` of them in each round, and expects the rounds
// between the first and the last to allocate nothing.
void ExpectNoAllocations(const ModelPtr& model, const BatchWorker::Options& options, int at_once) {
  const FakeClock clock;
  SilentObserver observer;
  QueueBudget total(8, int64_t{1} << 20);
  BoundedQueue<StepTask> queue({}, total);
  StepRate rate;
  rate.OnCellStep(8, absl::Milliseconds(1), clock.Now());
  BatchWorker worker(clock, *model, observer, queue, rate, options);
  std::vector<TestStep> steps;
  for (int i = 0; i < 8; ++i) {
    steps.emplace_back(
        *model, std::vector<float>(static_cast<size_t>(kTimesteps * model->inputs().front().size)));
    BoundedQueue<StepTask>::Tasks displaced;
    ASSERT_TRUE(
        queue.Push(absl::MakeSpan(&steps.back().task(), 1), {1, 1, 1}, Priority::kNormal, displaced)
            .ok());
  }
  worker.RunOnce();

  const MallocCounter allocations;
  for (int t = at_once; t + at_once < kTimesteps; t += at_once) worker.RunOnce();

  EXPECT_EQ(allocations.count(), 0);
  EXPECT_FALSE(steps.back().is_complete());
  EXPECT_EQ(worker.RunOnce(), 8);
  EXPECT_TRUE(steps.back().is_complete());
}

TEST_P(BatchWorkerAllocTest, ARoundBetweenCompletionsAllocatesNothing) {
  ExpectNoAllocations(GetParam()(), {.batching = {.max_batch_rows = 8}}, 1);
}

TEST_P(BatchWorkerAllocTest, ARoundOfSeveralTimestepsAllocatesNothing) {
  ExpectNoAllocations(GetParam()(),
                      {.batching = {.max_batch_rows = 16}, .max_round = absl::Seconds(1)}, 3);
}

INSTANTIATE_TEST_SUITE_P(Models, BatchWorkerAllocTest,
                         ::testing::Values(&ClassifierModel, &ForecasterModel, &TokenModel));

}  // namespace
}  // namespace rnnserve::testing
