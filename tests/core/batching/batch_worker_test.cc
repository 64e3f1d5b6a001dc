// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests BatchWorker, driven round by round without a thread: which rows are in the batch in each
// round, what is dropped, what is committed, and that a row's results do not depend on the other
// rows.

#include "core/batching/batch_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/session/session_table.h"
#include "tests/core/batching/step_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BatchWorkerTest : public ::testing::Test {
 protected:
  BatchWorkerTest() { Use(DoublingModel(), 3); }

  // Makes a new worker for this model.
  void Use(ModelPtr model, int64_t max_rows, int64_t slice_timesteps = 1000,
           absl::Duration max_round = absl::ZeroDuration()) {
    worker_.reset();
    model_ = std::move(model);
    worker_ = std::make_unique<BatchWorker>(
        clock_, *model_, observer_, queue_, rate_,
        BatchWorker::Options{
            .batching = {.max_batch_rows = max_rows, .slice_timesteps = slice_timesteps},
            .max_round = max_round});
  }
  // Makes a new worker whose rounds have up to `max_timesteps` timesteps. It believes that a cell
  // step takes 1 ms, and a round may take `max_timesteps` ms.
  void UseRounds(ModelPtr model, int64_t max_rows, int64_t max_timesteps) {
    Use(std::move(model), max_rows, 1000, max_timesteps * absl::Milliseconds(1));
    for (int64_t rows = 1; rows <= max_rows; ++rows) {
      rate_.OnCellStep(rows, absl::Milliseconds(1), clock_.Now());
    }
  }
  void Submit(TestStep& step) {
    StepTask& task = *step.task();
    task.submitted = clock_.Now();
    BoundedQueue<StepTask>::Tasks displaced;
    ASSERT_THAT(queue_.Push(absl::MakeSpan(&step.task(), 1), LoadOf(task, *model_), task.priority,
                            displaced),
                IsOk());
  }
  TestStep Submit(const std::vector<float>& values) {
    TestStep step(*model_, values);
    Submit(step);
    return step;
  }
  void RunAll() {
    while (worker_->RunOnce() > 0 || queue_.load().rows > 0) {
    }
  }

  FakeClock clock_;
  RecordingObserver observer_;
  QueueBudget total_{1000, int64_t{1} << 20};
  BoundedQueue<StepTask> queue_{{}, total_};
  StepRate rate_;
  ModelPtr model_;
  std::unique_ptr<BatchWorker> worker_;
};

TEST_F(BatchWorkerTest, DoesNothingWithoutTasks) {
  EXPECT_EQ(worker_->RunOnce(), 0);
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre());
}

TEST_F(BatchWorkerTest, ComputesOneTimestepInEachRound) {
  const TestStep step = Submit({1, 2, 3});

  EXPECT_EQ(worker_->RunOnce(), 1);
  EXPECT_EQ(worker_->RunOnce(), 1);
  EXPECT_FALSE(step.is_complete());
  EXPECT_EQ(worker_->RunOnce(), 1);

  ASSERT_TRUE(step.is_complete());
  EXPECT_THAT(step.status(), IsOk());
  EXPECT_THAT(step.output(), ElementsAre(1, 4, 11));
  EXPECT_EQ(worker_->rows(), 0);
}

TEST_F(BatchWorkerTest, RowsJoinAndLeaveAtEveryCellStep) {
  const TestStep slow = Submit({1, 1, 1, 1});
  worker_->RunOnce();
  const TestStep quick = Submit({5});
  const TestStep middle = Submit({7, 7});
  worker_->RunOnce();
  EXPECT_TRUE(quick.is_complete());
  const TestStep late = Submit({9, 9});
  RunAll();

  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(1, 3, 3, 2));
  EXPECT_THAT(slow.output(), ElementsAre(1, 3, 7, 15));
  EXPECT_THAT(quick.output(), ElementsAre(5));
  EXPECT_THAT(middle.output(), ElementsAre(7, 21));
  EXPECT_THAT(late.output(), ElementsAre(9, 27));
}

TEST_F(BatchWorkerTest, TakesNoMoreRowsThanFit) {
  std::vector<TestStep> steps;
  for (int i = 0; i < 5; ++i) steps.push_back(Submit({1, 1}));

  worker_->RunOnce();
  EXPECT_EQ(queue_.load().rows, 2);
  RunAll();

  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(3, 3, 2, 2));
}

TEST_F(BatchWorkerTest, CompletesInTheOrderOfArrival) {
  Use(model_, 64);
  std::vector<int> order;
  std::vector<TestStep> steps;
  for (int i = 0; i < 5; ++i) {
    steps.emplace_back(*model_, std::vector<float>{1});
    steps.back().task()->completion = [&order, i](std::unique_ptr<StepTask>, const absl::Status&) {
      order.push_back(i);
    };
    Submit(steps.back());
  }

  RunAll();

  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(BatchWorkerTest, ReturnsOnlyTheLastOutputIfTheModelDoes) {
  Use(DoublingModel(/*return_sequences=*/false), 3);
  const TestStep first = Submit({1, 2, 3});
  const TestStep second = Submit({4});

  RunAll();

  EXPECT_THAT(first.output(), ElementsAre(11));
  EXPECT_THAT(second.output(), ElementsAre(4));
}

TEST_F(BatchWorkerTest, CommitsTheStateOfARow) {
  TestStep step = Submit({1, 2, 3});

  RunAll();

  EXPECT_EQ(step.state().Tensors(*model_)[0].values[0], 11);
}

TEST_F(BatchWorkerTest, CommitsASessionOnceForAllTimesteps) {
  SessionTable sessions(clock_, [](const std::string&, EndReason) {}, {});
  sessions.Open({"a", "m", model_, SessionState(*model_)}).IgnoreError();
  std::optional<TestStep> step;
  sessions.Lease("a", [&](absl::StatusOr<SessionLease> lease) {
    step.emplace(*std::move(lease), *model_, std::vector<float>{1, 2, 3});
  });
  Submit(*step);

  RunAll();

  EXPECT_EQ(step->state().Tensors(*model_)[0].values[0], 11);
  step->Drop();
  EXPECT_EQ(sessions.List({}, "", 1).front().version, 1u);
}

TEST_F(BatchWorkerTest, BeginsAtTheGivenState) {
  TestStep step(*model_, {1});
  const OwnedTensor five = OwnedTensor::Floats({1}, {5});
  step.task()->start = *SessionState::FromTensors(*model_, {{"sum", "h", five}});
  Submit(step);

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(11));
}

TEST_F(BatchWorkerTest, SkipsMaskedTimesteps) {
  TestStep step(*model_, {1, 2, 3});
  const OwnedTensor mask = OwnedTensor::Bools({3}, {1, 0, 1});
  step.task()->inputs[0].mask = mask;
  Submit(step);
  const TestStep other = Submit({1, 2, 3});

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(1, 1, 5));
  EXPECT_THAT(other.output(), ElementsAre(1, 4, 11));
}

TEST_F(BatchWorkerTest, DropsAStepWhoseDeadlineHasPassed) {
  TestStep step(*model_, {1, 2});
  step.task()->limits.deadline = clock_.Now() + absl::Milliseconds(5);
  Submit(step);
  clock_.Advance(absl::Milliseconds(5));

  EXPECT_EQ(worker_->RunOnce(), 0);

  EXPECT_THAT(step.status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("0"), "NOT_EXECUTED"));
  EXPECT_EQ(step.state().Tensors(*model_)[0].values[0], 0);
}

TEST_F(BatchWorkerTest, FinishesAStepThatBeganBeforeItsDeadline) {
  TestStep step(*model_, {1, 2});
  step.task()->limits.deadline = clock_.Now() + absl::Milliseconds(5);
  Submit(step);
  worker_->RunOnce();
  clock_.Advance(absl::Milliseconds(5));

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(1, 4));
}

TEST_F(BatchWorkerTest, DroppedStepsLeaveTheirPlaceToOthers) {
  std::vector<TestStep> expired;
  for (int i = 0; i < 4; ++i) {
    expired.emplace_back(*model_, std::vector<float>{1});
    expired.back().task()->limits.deadline = clock_.Now() + absl::Milliseconds(5);
    Submit(expired.back());
  }
  std::vector<TestStep> wanted;
  for (int i = 0; i < 3; ++i) wanted.push_back(Submit({1}));
  clock_.Advance(absl::Milliseconds(6));

  EXPECT_EQ(worker_->RunOnce(), 3);

  for (const TestStep& step : wanted) EXPECT_THAT(step.status(), IsOk());
  for (const TestStep& step : expired) {
    EXPECT_THAT(step.status(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  }
}

TEST_F(BatchWorkerTest, DropsAStepThatWasCancelled) {
  TestStep step(*model_, {1, 2});
  step.task()->limits.cancellation = std::make_shared<Cancellation>();
  const auto cancellation = step.task()->limits.cancellation;
  Submit(step);
  const TestStep other = Submit({1});
  cancellation->Cancel();

  EXPECT_EQ(worker_->RunOnce(), 1);

  EXPECT_THAT(step.status(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(other.status(), IsOk());
}

TEST_F(BatchWorkerTest, FinishesAStepThatBeganBeforeItsCancellation) {
  TestStep step(*model_, {1, 2});
  step.task()->limits.cancellation = std::make_shared<Cancellation>();
  const auto cancellation = step.task()->limits.cancellation;
  Submit(step);
  worker_->RunOnce();
  cancellation->Cancel();

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(1, 4));
}

TEST_F(BatchWorkerTest, DoesNotCommitAResultThatIsNotFinite) {
  TestStep bad = Submit({1, 3e38f, 3e38f, 1});
  const TestStep good = Submit({1, 1, 1, 1});

  RunAll();

  EXPECT_THAT(bad.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("timestep 2 of 4"), "STATE_NONFINITE"));
  EXPECT_EQ(bad.state().Tensors(*model_)[0].values[0], 0);
  EXPECT_THAT(good.output(), ElementsAre(1, 3, 7, 15));
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(2, 2, 2, 1));
}

TEST_F(BatchWorkerTest, AFewRowsAreAdvancedBySeveralTimestepsAtOnce) {
  UseRounds(model_, 3, 3);
  const TestStep step = Submit({1, 1, 1, 1});

  EXPECT_EQ(worker_->RunOnce(), 1);
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(1, 1, 1));
  EXPECT_FALSE(step.is_complete());
  EXPECT_EQ(worker_->RunOnce(), 1);

  EXPECT_THAT(step.output(), ElementsAre(1, 3, 7, 15));
}

TEST_F(BatchWorkerTest, ARoundEndsWithTheFirstRowThatIsDone) {
  UseRounds(model_, 3, 10);
  const TestStep slow = Submit({1, 1, 1, 1});
  const TestStep quick = Submit({5, 5});

  worker_->RunOnce();
  EXPECT_TRUE(quick.is_complete());
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(2, 2));
  const TestStep late = Submit({7});
  worker_->RunOnce();

  EXPECT_THAT(late.output(), ElementsAre(7));
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(2, 2, 2));
  RunAll();
  EXPECT_THAT(slow.output(), ElementsAre(1, 3, 7, 15));
}

TEST_F(BatchWorkerTest, AFullBatchIsAdvancedByOneTimestep) {
  UseRounds(model_, 1, 10);
  const TestStep step = Submit({1, 1, 1});

  worker_->RunOnce();

  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(1));
  RunAll();
}

TEST_F(BatchWorkerTest, SeveralTimestepsAtOnceGiveTheLastOutputAndSkipMaskedOnes) {
  UseRounds(DoublingModel(/*return_sequences=*/false), 3, 2);
  TestStep step(*model_, {1, 2, 3, 4});
  const OwnedTensor mask = OwnedTensor::Bools({4}, {1, 0, 1, 1});
  step.task()->inputs[0].mask = mask;
  Submit(step);

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(14));
  EXPECT_EQ(step.state().Tensors(*model_)[0].values[0], 14);
}

TEST_F(BatchWorkerTest, NamesTheTimestepThatIsNotFiniteAmongSeveralAtOnce) {
  UseRounds(model_, 3, 10);
  TestStep bad = Submit({1, 3e38f, 3e38f, 1});

  RunAll();

  EXPECT_THAT(bad.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("timestep 2 of 4"), "STATE_NONFINITE"));
  EXPECT_EQ(bad.state().Tensors(*model_)[0].values[0], 0);
}

TEST_F(BatchWorkerTest, DoesNotCommitAStateThatIsNotFiniteEvenIfTheOutputsAre) {
  for (const int64_t max_timesteps : {1, 10}) {
    UseRounds(BoundedDoublingModel(), 3, max_timesteps);
    TestStep bad = Submit({1, 3e38f, 3e38f});

    RunAll();

    EXPECT_THAT(bad.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("timestep 2 of 3"), "STATE_NONFINITE"));
    EXPECT_EQ(bad.state().Tensors(*model_)[0].values[0], 0);
  }
}

TEST_F(BatchWorkerTest, DropsAStepThatCannotBeDoneByItsDeadline) {
  for (int i = 0; i < SteadyAverage::kMinCount; ++i) {
    rate_.OnCellStep(1, absl::Milliseconds(2), clock_.Now());
  }
  TestStep late(*model_, {1, 2, 3});
  TestStep in_time(*model_, {1, 2});
  for (TestStep* step : {&late, &in_time}) {
    step->task()->limits.deadline = clock_.Now() + absl::Milliseconds(5);
    Submit(*step);
  }

  RunAll();

  EXPECT_THAT(late.status(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                      HasSubstr("6ms and the deadline is in 5ms"), "NOT_EXECUTED"));
  EXPECT_EQ(late.state().Tensors(*model_)[0].values[0], 0);
  EXPECT_THAT(in_time.output(), ElementsAre(1, 4));
}

TEST_F(BatchWorkerTest, TakesAHigherPriorityFirst) {
  Use(model_, 1);
  std::vector<int> order;
  std::vector<TestStep> steps;
  int number = 0;
  for (const Priority priority : {Priority::kLow, Priority::kNormal, Priority::kHigh}) {
    steps.emplace_back(*model_, std::vector<float>{1});
    steps.back().task()->priority = priority;
    steps.back().task()->completion = [&order, number](std::unique_ptr<StepTask>,
                                                       const absl::Status&) {
      order.push_back(number);
    };
    Submit(steps.back());
    ++number;
  }

  RunAll();

  EXPECT_THAT(order, ElementsAre(2, 1, 0));
}

TEST_F(BatchWorkerTest, ARowThatHadItsSliceMakesRoomForAWaitingTask) {
  Use(model_, 1, /*slice_timesteps=*/2);
  const TestStep slow = Submit({1, 1, 1, 1, 1});
  worker_->RunOnce();
  const TestStep quick = Submit({5});
  worker_->RunOnce();  // the second timestep of its slice
  worker_->RunOnce();

  EXPECT_TRUE(quick.is_complete());
  EXPECT_FALSE(slow.is_complete());
  RunAll();
  EXPECT_THAT(slow.output(), ElementsAre(1, 3, 7, 15, 31));
  EXPECT_THAT(quick.output(), ElementsAre(5));
}

TEST_F(BatchWorkerTest, AStepOfManyTimestepsDelaysAnotherByTwoSlicesAtMost) {
  constexpr int kSlice = 32;
  Use(model_, 1, kSlice);
  const TestStep slow = Submit(std::vector<float>(4096, 0));
  for (int i = 0; i < 20; ++i) {
    // 97 is not a multiple of the slice, so the quick step arrives at varying points of a slice.
    for (int k = 0; k < 97; ++k) worker_->RunOnce();
    const TestStep quick = Submit({5});
    int cell_steps = 0;
    for (; !quick.is_complete(); ++cell_steps) worker_->RunOnce();

    EXPECT_LE(cell_steps, 2 * kSlice) << i;
  }
  EXPECT_FALSE(slow.is_complete());
  RunAll();
  EXPECT_EQ(slow.output().size(), 4096u);
}

TEST_F(BatchWorkerTest, ARowKeepsItsColumnWhileNoTaskWaits) {
  Use(model_, 1, /*slice_timesteps=*/1);
  const TestStep step = Submit({1, 1, 1});

  RunAll();

  EXPECT_THAT(step.output(), ElementsAre(1, 3, 7));
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(1, 1, 1));
}

TEST_F(BatchWorkerTest, NoMoreRowsMakeRoomThanTasksWait) {
  Use(model_, 3, /*slice_timesteps=*/1);
  std::vector<TestStep> slow;
  for (int i = 0; i < 3; ++i) slow.push_back(Submit({1, 1, 1, 1}));
  const TestStep quick = Submit({5});
  worker_->RunOnce();

  EXPECT_EQ(worker_->rows(), 2);
  EXPECT_EQ(queue_.load().rows, 2);
  RunAll();
  for (const TestStep& step : slow) EXPECT_THAT(step.output(), ElementsAre(1, 3, 7, 15));
}

TEST_F(BatchWorkerTest, NoRowMakesRoomForALowerPriority) {
  Use(model_, 1, /*slice_timesteps=*/1);
  TestStep low(*model_, {5});
  low.task()->priority = Priority::kLow;
  const TestStep normal = Submit({1, 1, 1});
  Submit(low);

  for (int i = 0; i < 3; ++i) worker_->RunOnce();

  EXPECT_TRUE(normal.is_complete());
  EXPECT_FALSE(low.is_complete());
  RunAll();
}

TEST_F(BatchWorkerTest, ARowThatBeganIsFinishedEvenIfItHasToWaitAgain) {
  Use(model_, 1, /*slice_timesteps=*/1);
  TestStep slow(*model_, {1, 1, 1});
  slow.task()->limits.deadline = clock_.Now() + absl::Milliseconds(5);
  slow.task()->limits.cancellation = std::make_shared<Cancellation>();
  const auto cancellation = slow.task()->limits.cancellation;
  Submit(slow);
  const TestStep quick = Submit({5});
  worker_->RunOnce();
  clock_.Advance(absl::Milliseconds(6));
  cancellation->Cancel();

  RunAll();

  EXPECT_THAT(slow.output(), ElementsAre(1, 3, 7));
}

TEST_F(BatchWorkerTest, ASuspendedStateIsNotCommittedIfTheRowFails) {
  Use(model_, 1, /*slice_timesteps=*/1);
  TestStep bad = Submit({1, 3e38f, 3e38f});
  const TestStep quick = Submit({5});

  RunAll();

  EXPECT_THAT(bad.status(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(bad.state().Tensors(*model_)[0].values[0], 0);
}

TEST_F(BatchWorkerTest, ReportsHowLongAStepWaitedAndWasComputed) {
  std::vector<TestStep> steps;
  for (int i = 0; i < 4; ++i) steps.push_back(Submit({1, 1}));
  clock_.Advance(absl::Milliseconds(2));
  worker_->RunOnce();
  clock_.Advance(absl::Milliseconds(3));
  RunAll();

  const auto reported = observer_.steps();
  ASSERT_EQ(reported.size(), 4u);
  EXPECT_EQ(reported[0].timesteps, 2);
  EXPECT_EQ(reported[0].queued, absl::Milliseconds(2));
  EXPECT_EQ(reported[0].computed, absl::Milliseconds(3));
  EXPECT_EQ(reported[3].queued, absl::Milliseconds(5));
  EXPECT_EQ(reported[3].computed, absl::ZeroDuration());
}

TEST_F(BatchWorkerTest, ACompletionMaySubmit) {
  TestStep second(*model_, {2});
  TestStep first(*model_, {1});
  first.task()->completion = [&](std::unique_ptr<StepTask>, const absl::Status&) {
    Submit(second);
  };
  Submit(first);

  RunAll();

  EXPECT_THAT(second.output(), ElementsAre(2));
}

// Steps of random length that arrive at random times must give the same bits as each step alone.
// `max_timesteps` is the number of timesteps that a round may have while there are few rows.
struct InvarianceCase {
  ModelPtr (*model)();
  int64_t max_rows;
  int64_t max_timesteps;
};
class BatchInvarianceTest : public BatchWorkerTest,
                            public ::testing::WithParamInterface<InvarianceCase> {
 protected:
  static std::vector<float> RandomValues(std::mt19937& random, size_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(count);
    for (float& value : values) value = uniform(random);
    return values;
  }
};

TEST_P(BatchInvarianceTest, ARowDoesNotDependOnTheOthers) {
  if (GetParam().max_timesteps == 1) {
    Use(GetParam().model(), GetParam().max_rows, /*slice_timesteps=*/2);
  } else {
    UseRounds(GetParam().model(), GetParam().max_rows, GetParam().max_timesteps);
  }
  std::mt19937 random(17);
  std::vector<std::vector<float>> inputs;
  std::vector<TestStep> together;
  const OwnedTensor mask = OwnedTensor::Bools({9}, {1, 0, 1, 1, 0, 1, 0, 1, 1});
  for (int i = 0; i < 60; ++i) {
    const size_t time = 1 + random() % 9;
    inputs.push_back(
        RandomValues(random, time * static_cast<size_t>(model_->inputs().front().size)));
    together.emplace_back(*model_, inputs.back());
    if (i % 3 == 0) {
      together.back().task()->inputs[0].mask = TensorView{
          DataType::kBool, {static_cast<int64_t>(time)}, mask.view().bytes.substr(0, time)};
    }
    Submit(together.back());
    if (random() % 2 == 0) worker_->RunOnce();
  }
  RunAll();

  Use(model_, 1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    TestStep alone(*model_, inputs[i]);
    const size_t time = inputs[i].size() / static_cast<size_t>(model_->inputs().front().size);
    if (i % 3 == 0) {
      alone.task()->inputs[0].mask = TensorView{
          DataType::kBool, {static_cast<int64_t>(time)}, mask.view().bytes.substr(0, time)};
    }
    Submit(alone);
    RunAll();
    EXPECT_EQ(together[i].output(), alone.output()) << "row " << i;
    EXPECT_EQ(together[i].state().Tensors(*model_)[0].values,
              alone.state().Tensors(*model_)[0].values)
        << "row " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, BatchInvarianceTest,
                         ::testing::Values(InvarianceCase{&ClassifierModel, 5, 1},
                                           InvarianceCase{&ForecasterModel, 5, 1},
                                           InvarianceCase{&ClassifierModel, 5, 4},
                                           InvarianceCase{&ForecasterModel, 5, 4},
                                           InvarianceCase{&ForecasterModel, 32, 24}));

}  // namespace
}  // namespace rnnserve::testing
