// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests how BatchWorker computes models with several inputs and outputs. Each row must get what it
// gets alone, in whichever rounds and slices it is computed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/batching/batch_worker.h"
#include "core/batching/steady_average.h"
#include "tests/core/batching/step_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

// How a worker computes: in rounds of up to `max_timesteps`, with slices of `slice`.
struct Pace {
  std::string name;
  int64_t max_timesteps = 1;
  int64_t slice = 1000;
};

class BatchWorkerTensorsTest : public ::testing::TestWithParam<Pace> {
 protected:
  void Run(const Model& model, std::vector<NamedStep>& steps) {
    const Pace& pace = GetParam();
    for (int i = 0; i < SteadyAverage::kMinCount; ++i) {
      for (int64_t rows = 1; rows <= 2; ++rows) {
        rate_.OnCellStep(rows, absl::Milliseconds(1), clock_.Now());
      }
    }
    BatchWorker worker(
        clock_, model, observer_, queue_, rate_,
        {.batching = {.max_batch_rows = 2, .slice_timesteps = pace.slice},
         .max_round = pace.max_timesteps > 1 ? pace.max_timesteps * absl::Milliseconds(1)
                                             : absl::ZeroDuration()});
    for (NamedStep& step : steps) {
      const QueueLoad load = LoadOf(*step.task(), model);
      BoundedQueue<StepTask>::Tasks displaced;
      ASSERT_THAT(queue_.Push(absl::MakeSpan(&step.task(), 1), load, Priority::kNormal, displaced),
                  IsOk());
      // A later step joins while earlier ones are on their way.
      worker.RunOnce();
    }
    while (worker.RunOnce() > 0 || queue_.load().rows > 0) {
    }
    for (const NamedStep& step : steps) ASSERT_THAT(step.status(), IsOk());
  }

  FakeClock clock_;
  RecordingObserver observer_;
  QueueBudget total_{1000, int64_t{1} << 20};
  BoundedQueue<StepTask> queue_{{}, total_};
  StepRate rate_;
};

TEST_P(BatchWorkerTensorsTest, OutputsWithAndWithoutTimeLieOneAfterAnother) {
  const ModelPtr model = PairModel();
  std::vector<NamedStep> steps;
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1, 2, 3}, {10, 20, 30}, {100}});
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1}, {1}, {1}});
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1, 1}, {0, 0}, {0}});

  Run(*model, steps);

  EXPECT_THAT(steps[0].output(), ElementsAre(111, 344, 821, 110));
  EXPECT_THAT(steps[1].output(), ElementsAre(3, 10));
  EXPECT_THAT(steps[2].output(), ElementsAre(1, 3, 30));
}

TEST_P(BatchWorkerTensorsTest, ALayerBeginsAtTheGivenStateOnceInEachStep) {
  const ModelPtr model = DecoderModel();
  std::vector<NamedStep> steps;
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1, 1, 1, 1}, {5}});
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1, 1}, {0}});
  steps.emplace_back(*model, std::vector<std::vector<float>>{{1, 1, 1}, {-1}});

  Run(*model, steps);

  EXPECT_THAT(steps[0].output(), ElementsAre(11, 23, 47, 95, 95));
  EXPECT_THAT(steps[1].output(), ElementsAre(1, 3, 3));
  EXPECT_THAT(steps[2].output(), ElementsAre(-1, -1, -1, -1));
}

INSTANTIATE_TEST_SUITE_P(Paces, BatchWorkerTensorsTest,
                         ::testing::Values(Pace{"OneByOne"}, Pace{"Rounds", 3},
                                           Pace{"Slices", 1, 1}),
                         [](const auto& pace) { return pace.param.name; });

TEST(StepTaskTest, ItsLoadCountsEveryInputAndOutput) {
  const ModelPtr model = PairModel();
  NamedStep step(*model, {{1, 2, 3}, {1, 2, 3}, {1}});

  const QueueLoad load = LoadOf(*step.task(), *model);

  EXPECT_EQ(load.timesteps, 3);
  // Seven floats of inputs and four of outputs.
  EXPECT_EQ(load.bytes, 11 * 4);
}

}  // namespace
}  // namespace rnnserve::testing
