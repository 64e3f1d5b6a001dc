// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A round of a BatchWorker in which no row joins or leaves allocates nothing.

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

TEST_P(BatchWorkerAllocTest, ARoundBetweenCompletionsAllocatesNothing) {
  constexpr int kTimesteps = 50;
  const ModelPtr model = GetParam()();
  const FakeClock clock;
  SilentObserver observer;
  QueueBudget total(8, int64_t{1} << 20);
  BoundedQueue<StepTask> queue({}, total);
  StepRate rate;
  BatchWorker worker(clock, *model, observer, queue, rate, {.max_rows = 8});
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
  for (int t = 1; t + 1 < kTimesteps; ++t) worker.RunOnce();

  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(worker.RunOnce(), 8);
  EXPECT_TRUE(steps.back().is_complete());
}

INSTANTIATE_TEST_SUITE_P(Models, BatchWorkerAllocTest,
                         ::testing::Values(&ClassifierModel, &ForecasterModel, &TokenModel));

}  // namespace
}  // namespace rnnserve::testing
