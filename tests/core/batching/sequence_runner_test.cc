// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests SequenceRunner and SequenceScheduler, which compute whole sequences with models that are
// not streamable.

#include "core/batching/sequence_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/batching/sequence_scheduler.h"
#include "tests/support/fake_clock.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SequenceRunnerTest : public ::testing::Test {
 protected:
  struct Outcome {
    std::optional<absl::Status> status;
    std::unique_ptr<SequenceTask> task;
  };

  // Makes a task that stores its outcome in `outcome`. `input` must outlive it.
  std::unique_ptr<SequenceTask> MakeTask(const OwnedTensor& input, Outcome& outcome) {
    auto task = std::make_unique<SequenceTask>();
    task->inputs = {{input, input.view().shape[1], std::nullopt}};
    for (int64_t row = 0; row < task->num_rows(); ++row) task->states.emplace_back(*model_);
    task->submitted = clock_.Now();
    task->completion = [&outcome](std::unique_ptr<SequenceTask> done, absl::Status status) {
      outcome.status = std::move(status);
      outcome.task = std::move(done);
    };
    return task;
  }
  Outcome Run(std::unique_ptr<SequenceTask> task, Outcome& outcome) {
    SequenceRunner(clock_, *model_, observer_).Run(std::move(task));
    return std::move(outcome);
  }
  Outcome Run(const OwnedTensor& input) {
    Outcome outcome;
    return Run(MakeTask(input, outcome), outcome);
  }

  FakeClock clock_;
  QueueBudget total_{1000, int64_t{1} << 30};
  RecordingObserver observer_;
  ModelPtr model_ = BidirectionalModel();
};

TEST_F(SequenceRunnerTest, ComputesEveryRowAsIfAlone) {
  const OwnedTensor both = OwnedTensor::Floats({2, 2, 2}, {1, 2, 3, 4, -1, -2, -3, -4});
  const OwnedTensor second = OwnedTensor::Floats({1, 2, 2}, {-1, -2, -3, -4});

  const Outcome together = Run(both);
  const Outcome alone = Run(second);

  ASSERT_THAT(*together.status, IsOk());
  ASSERT_THAT(together.task->outputs[0], SizeIs(2 * 2 * 6));
  EXPECT_EQ(
      std::vector<float>(together.task->outputs[0].begin() + 12, together.task->outputs[0].end()),
      alone.task->outputs[0]);
  EXPECT_EQ(together.task->states[1].Tensors(*model_)[0].values,
            alone.task->states[0].Tensors(*model_)[0].values);
}

// The test uses a streamable model, because its results are simple numbers.
TEST_F(SequenceRunnerTest, ReturnsOutputsAndStates) {
  model_ = DoublingModel();
  Outcome outcome = Run(OwnedTensor::Floats({2, 3, 1}, {1, 2, 3, 4, 5, 6}));

  EXPECT_THAT(outcome.task->outputs[0], ElementsAre(1, 4, 11, 4, 13, 32));
  EXPECT_EQ(outcome.task->states[1].Tensors(*model_)[0].values[0], 32);
}

TEST_F(SequenceRunnerTest, ReturnsTheLastOutputIfTheModelDoes) {
  model_ = DoublingModel(/*return_sequences=*/false);

  EXPECT_THAT(Run(OwnedTensor::Floats({2, 3, 1}, {1, 2, 3, 4, 5, 6})).task->outputs[0],
              ElementsAre(11, 32));
}

TEST_F(SequenceRunnerTest, BeginsAtTheGivenStatesAndSkipsMaskedTimesteps) {
  model_ = DoublingModel();
  const OwnedTensor input = OwnedTensor::Floats({2, 2, 1}, {1, 2, 1, 2});
  const OwnedTensor mask = OwnedTensor::Bools({2, 2}, {1, 1, 0, 1});
  const OwnedTensor ten = OwnedTensor::Floats({1}, {10});
  Outcome outcome;
  auto task = MakeTask(input, outcome);
  task->inputs.front().mask = mask;
  task->states[1] = *SessionState::FromTensors(*model_, {{"sum", "h", ten}});

  outcome = Run(std::move(task), outcome);

  EXPECT_THAT(outcome.task->outputs[0], ElementsAre(1, 4, 0, 22));
}

TEST_F(SequenceRunnerTest, NamesTheRowThatIsNotFinite) {
  model_ = DoublingModel();

  EXPECT_THAT(
      *Run(OwnedTensor::Floats({2, 2, 1}, {1, 2, 3e38f, 3e38f})).status,
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("row 1 of 2"), "STATE_NONFINITE"));
}

TEST_F(SequenceRunnerTest, DropsATaskThatIsNoLongerWanted) {
  const OwnedTensor input = OwnedTensor::Floats({1, 1, 2}, {1, 2});
  Outcome outcome;
  auto task = MakeTask(input, outcome);
  task->limits.deadline = clock_.Now();

  outcome = Run(std::move(task), outcome);

  EXPECT_THAT(*outcome.status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(observer_.steps(), SizeIs(0));
}

TEST_F(SequenceRunnerTest, ReportsEveryRow) {
  const OwnedTensor input = OwnedTensor::Floats({3, 1, 2}, {1, 2, 3, 4, 5, 6});
  Outcome outcome;
  auto task = MakeTask(input, outcome);
  clock_.Advance(absl::Milliseconds(3));

  Run(std::move(task), outcome);

  ASSERT_THAT(observer_.steps(), SizeIs(3));
  EXPECT_EQ(observer_.steps()[0].timesteps, 1);
  EXPECT_EQ(observer_.steps()[0].queued, absl::Milliseconds(3));
}

TEST_F(SequenceRunnerTest, SchedulerFinishesEveryTaskBeforeItIsDestroyed) {
  const OwnedTensor input = OwnedTensor::Floats({1, 1, 2}, {1, 2});
  std::vector<Outcome> outcomes(20);
  {
    SequenceScheduler scheduler(clock_, model_, observer_, total_, {.num_workers = 2});
    for (Outcome& outcome : outcomes) {
      auto task = MakeTask(input, outcome);
      ASSERT_THAT(scheduler.Submit(task), IsOk());
    }
  }

  for (const Outcome& outcome : outcomes) EXPECT_THAT(*outcome.status, IsOk());
}

TEST_F(SequenceRunnerTest, SchedulerCountsRows) {
  const OwnedTensor two = OwnedTensor::Floats({2, 1, 2}, {1, 2, 3, 4});
  Outcome outcome;
  SequenceScheduler scheduler(clock_, model_, observer_, total_,
                              {.num_workers = 1, .queue = {.max_rows = 1}});
  auto task = MakeTask(two, outcome);

  EXPECT_THAT(scheduler.Submit(task),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("0 rows wait for a worker, of at most 1; 2 more"), "QUEUE_LIMIT"));
  EXPECT_NE(task, nullptr);
}

}  // namespace
}  // namespace rnnserve::testing
