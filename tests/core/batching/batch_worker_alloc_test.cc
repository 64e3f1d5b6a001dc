// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that BatchWorker allocates nothing in a round in which no row joins or leaves, whatever
// inputs and outputs the model has.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/batching/batch_worker.h"
#include "core/batching/steady_average.h"
#include "tests/core/batching/step_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/malloc_counter.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

constexpr size_t kRows = 8;
constexpr size_t kTimesteps = 50;

// Runs these steps of kTimesteps timesteps, `at_once` in each round, and expects the rounds
// between the first and the last to allocate nothing.
template <typename Step>
void ExpectNoAllocations(const ModelPtr& model, std::vector<Step> steps,
                         const BatchWorker::Options& options, size_t at_once) {
  const FakeClock clock;
  SilentObserver observer;
  QueueBudget total(kRows, int64_t{1} << 20);
  BoundedQueue<StepTask> queue({}, total);
  StepRate rate;
  // The clock stands still, so the cell steps of the test add durations of zero.
  for (int i = 0; i < SteadyAverage::kMinCount; ++i) {
    rate.OnCellStep(kRows, absl::Milliseconds(1), clock.Now());
  }
  BatchWorker worker(clock, *model, observer, queue, rate, options);
  for (Step& step : steps) {
    BoundedQueue<StepTask>::Tasks displaced;
    ASSERT_TRUE(
        queue.Push(absl::MakeSpan(&step.task(), 1), {1, 1, 1}, Priority::kNormal, displaced).ok());
  }
  worker.RunOnce();

  const MallocCounter allocations;
  for (size_t t = at_once; t + at_once < kTimesteps; t += at_once) worker.RunOnce();

  EXPECT_EQ(allocations.count(), 0);
  EXPECT_FALSE(steps.back().is_complete());
  EXPECT_EQ(worker.RunOnce(), kRows);
  EXPECT_TRUE(steps.back().is_complete());
}

// Rounds of one timestep, and of three.
const BatchWorker::Options kOneTimestep = {.batching = {.max_batch_rows = kRows}};
const BatchWorker::Options kSeveralTimesteps = {.batching = {.max_batch_rows = 2 * kRows},
                                                .max_round = absl::Seconds(1)};
constexpr size_t kSeveral = 3;

class BatchWorkerAllocTest : public ::testing::TestWithParam<ModelPtr (*)()> {
 protected:
  static std::vector<TestStep> Steps(const Model& model) {
    const auto features = static_cast<size_t>(model.inputs().front().size);
    std::vector<TestStep> steps;
    for (size_t i = 0; i < kRows; ++i) {
      steps.emplace_back(model, std::vector<float>(kTimesteps * features));
    }
    return steps;
  }
};

TEST_P(BatchWorkerAllocTest, ARoundBetweenCompletionsAllocatesNothing) {
  const ModelPtr model = GetParam()();

  ExpectNoAllocations(model, Steps(*model), kOneTimestep, 1);
}

TEST_P(BatchWorkerAllocTest, ARoundOfSeveralTimestepsAllocatesNothing) {
  const ModelPtr model = GetParam()();

  ExpectNoAllocations(model, Steps(*model), kSeveralTimesteps, kSeveral);
}

INSTANTIATE_TEST_SUITE_P(Models, BatchWorkerAllocTest,
                         ::testing::Values(&ClassifierModel, &ForecasterModel, &TokenModel));

// Models with several inputs and outputs, with and without a time axis.
class BatchWorkerTensorsAllocTest : public ::testing::TestWithParam<ModelPtr (*)()> {
 protected:
  static std::vector<NamedStep> Steps(const Model& model) {
    std::vector<std::vector<float>> inputs;
    for (const Model::Input& input : model.inputs()) {
      inputs.emplace_back(input.spec.has_time ? kTimesteps : 1, 0.01f);
    }
    std::vector<NamedStep> steps;
    for (size_t i = 0; i < kRows; ++i) steps.emplace_back(model, inputs);
    return steps;
  }
};

TEST_P(BatchWorkerTensorsAllocTest, ARoundBetweenCompletionsAllocatesNothing) {
  const ModelPtr model = GetParam()();

  ExpectNoAllocations(model, Steps(*model), kOneTimestep, 1);
}

TEST_P(BatchWorkerTensorsAllocTest, ARoundOfSeveralTimestepsAllocatesNothing) {
  const ModelPtr model = GetParam()();

  ExpectNoAllocations(model, Steps(*model), kSeveralTimesteps, kSeveral);
}

INSTANTIATE_TEST_SUITE_P(Models, BatchWorkerTensorsAllocTest,
                         ::testing::Values(&PairModel, &DecoderModel));

}  // namespace
}  // namespace rnnserve::testing
