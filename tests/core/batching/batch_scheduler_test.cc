// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests BatchScheduler: the queue's limit, work-conserving workers, steps that run inline, and a
// shutdown that finishes all accepted work. Where order matters, the observer holds the workers.

#include "core/batching/batch_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/batching/step_burst.h"
#include "tests/core/batching/step_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BatchSchedulerTest : public ::testing::Test {
 protected:
  void Start(BatchScheduler::Options options) {
    scheduler_ = std::make_unique<BatchScheduler>(clock_, model_, observer_, total_, options);
  }
  absl::Status Submit(std::vector<TestStep>& steps) {
    std::vector<std::unique_ptr<StepTask>> tasks;
    for (TestStep& step : steps) tasks.push_back(std::move(step.task()));
    const absl::Status status = scheduler_->Submit(absl::MakeSpan(tasks));
    for (size_t i = 0; i < steps.size(); ++i) steps[i].task() = std::move(tasks[i]);
    return status;
  }
  std::vector<TestStep> Steps(int count) {
    std::vector<TestStep> steps;
    for (int i = 0; i < count; ++i) steps.emplace_back(*model_, std::vector<float>{1, 2});
    return steps;
  }

  FakeClock clock_;
  RecordingObserver observer_;
  QueueBudget total_{10'000, int64_t{1} << 30};
  const ModelPtr model_ = DoublingModel();
  std::unique_ptr<BatchScheduler> scheduler_;
};

TEST_F(BatchSchedulerTest, FinishesEveryStepBeforeItIsDestroyed) {
  Start({.num_workers = 2, .batching = {.max_batch_rows = 4}});
  std::vector<TestStep> steps = Steps(50);
  ASSERT_THAT(Submit(steps), IsOk());

  scheduler_.reset();

  for (const TestStep& step : steps) {
    ASSERT_TRUE(step.is_complete());
    EXPECT_THAT(step.output(), ElementsAre(1, 4));
  }
}

TEST_F(BatchSchedulerTest, RefusesAtOnceStepsThatDoNotFitAndLeavesThemUntouched) {
  observer_.Hold();
  Start({.num_workers = 1,
         .batching = {.max_batch_rows = 1},
         .queue = {.max_rows = 3, .retry_delay = absl::Milliseconds(40)}});
  std::vector<TestStep> running = Steps(1);
  ASSERT_THAT(Submit(running), IsOk());
  observer_.AwaitStopped();
  std::vector<TestStep> queued = Steps(2);
  ASSERT_THAT(Submit(queued), IsOk());
  std::vector<TestStep> refused = Steps(2);

  const absl::Status status = Submit(refused);

  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("2 rows wait for a worker, of at most 3; 2 more"), "QUEUE_LIMIT"));
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(40));
  EXPECT_EQ(scheduler_->num_queued(), 2);
  EXPECT_NE(refused[0].task(), nullptr);
  observer_.Release();
  scheduler_.reset();  // while the inputs of the steps still exist
}

TEST_F(BatchSchedulerTest, AStepJoinsTheRunningBatch) {
  observer_.Hold();
  Start({.num_workers = 1, .batching = {.max_batch_rows = 2}});
  std::vector<TestStep> first = Steps(1);
  ASSERT_THAT(Submit(first), IsOk());
  observer_.AwaitStopped();
  std::vector<TestStep> second = Steps(1);
  ASSERT_THAT(Submit(second), IsOk());
  observer_.Release();

  scheduler_.reset();

  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(1, 2, 1));
}

TEST_F(BatchSchedulerTest, ASecondWorkerTakesStepsThatTheFirstHasNoRoomFor) {
  observer_.Hold();
  Start({.num_workers = 2, .batching = {.max_batch_rows = 1}});
  std::vector<TestStep> steps = Steps(2);
  ASSERT_THAT(Submit(steps), IsOk());

  // This would wait forever unless both ran at the same time.
  observer_.AwaitStopped(2);

  observer_.Release();
  scheduler_.reset();
}

TEST_F(BatchSchedulerTest, BesideATeamAWorkerTakesWholeBatchesOnly) {
  observer_.Hold();
  Start({.num_workers = 2, .has_team = true, .batching = {.max_batch_rows = 2}});
  std::vector<TestStep> first = Steps(2);
  ASSERT_THAT(Submit(first), IsOk());
  observer_.AwaitStopped();
  std::vector<TestStep> one = Steps(1);
  ASSERT_THAT(Submit(one), IsOk());
  EXPECT_EQ(scheduler_->num_queued(), 1);
  std::vector<TestStep> another = Steps(1);
  ASSERT_THAT(Submit(another), IsOk());

  // This would wait forever unless both ran at the same time.
  observer_.AwaitStopped(2);

  EXPECT_EQ(scheduler_->num_queued(), 0);
  observer_.Release();
  scheduler_.reset();
  EXPECT_THAT(observer_.cell_step_rows(), ElementsAre(2, 2, 2, 2));
}

TEST_F(BatchSchedulerTest, ATeamComputesEveryStep) {
  Start({.num_workers = 3, .has_team = true, .batching = {.max_batch_rows = 4}});
  std::vector<TestStep> steps = Steps(51);
  ASSERT_THAT(Submit(steps), IsOk());

  scheduler_.reset();

  for (const TestStep& step : steps) {
    ASSERT_TRUE(step.is_complete());
    EXPECT_THAT(step.output(), ElementsAre(1, 4));
  }
}

TEST_F(BatchSchedulerTest, AHigherPriorityDisplacesALowerOneWhenTheQueueIsFull) {
  observer_.Hold();
  Start({.num_workers = 1,
         .batching = {.max_batch_rows = 1},
         .queue = {.max_rows = 2, .retry_delay = absl::Milliseconds(40)}});
  std::vector<TestStep> running = Steps(1);
  ASSERT_THAT(Submit(running), IsOk());
  observer_.AwaitStopped();
  std::vector<TestStep> normal = Steps(2);
  ASSERT_THAT(Submit(normal), IsOk());
  std::vector<TestStep> high = Steps(1);
  high[0].task()->priority = Priority::kHigh;

  ASSERT_THAT(Submit(high), IsOk());

  EXPECT_FALSE(normal[0].is_complete());
  ASSERT_TRUE(normal[1].is_complete());
  EXPECT_THAT(normal[1].status(), StatusIs(absl::StatusCode::kResourceExhausted,
                                           HasSubstr("at most 2 rows"), "QUEUE_DISPLACED"));
  EXPECT_EQ(RetryDelay(normal[1].status()), absl::Milliseconds(40));
  observer_.Release();
  scheduler_.reset();
  EXPECT_THAT(normal[0].output(), ElementsAre(1, 4));
  EXPECT_THAT(high[0].output(), ElementsAre(1, 4));
}

// A clock that moves by 10 ms each time it is read, so that a cell step seems to take 10 ms.
class SlowClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Milliseconds(10) * num_looks_.fetch_add(1);
  }

 private:
  mutable std::atomic<int> num_looks_{0};
};

TEST_F(BatchSchedulerTest, RefusesAtOnceAStepThatWouldBeLate) {
  const SlowClock clock;
  scheduler_ = std::make_unique<BatchScheduler>(
      clock, model_, observer_, total_, BatchScheduler::Options{.batching = {.max_batch_rows = 1}});
  for (int i = 0; i < 2; ++i) {
    absl::Notification is_done;
    std::vector<TestStep> step = Steps(1);
    step[0].task()->completion = [&](std::unique_ptr<StepTask>, const absl::Status&) {
      is_done.Notify();
    };
    ASSERT_THAT(Submit(step), IsOk());
    is_done.WaitForNotification();
  }
  observer_.Hold();
  std::vector<TestStep> running = Steps(1);
  ASSERT_THAT(Submit(running), IsOk());
  observer_.AwaitStopped();

  // Four rounds have been measured. The clock was read three times in the shortest of them, or four
  // times if Submit read it too, so a round takes 30 or 40 ms. Three steps of two timesteps are
  // waiting, which take at least 180 ms. The deadline must leave room for three times as much. The
  // step's own two cell steps take 20 ms.
  std::vector<TestStep> waiting = Steps(3);
  ASSERT_THAT(Submit(waiting), IsOk());
  std::vector<TestStep> late = Steps(1);
  late[0].task()->limits.deadline = clock.Now() + absl::Milliseconds(500);
  std::vector<TestStep> in_time = Steps(1);
  in_time[0].task()->limits.deadline = clock.Now() + absl::Milliseconds(830);

  EXPECT_THAT(Submit(late), StatusIs(absl::StatusCode::kResourceExhausted,
                                     HasSubstr("ms of work waits before the 2 timesteps"),
                                     "DEADLINE_UNREACHABLE"));
  EXPECT_NE(late[0].task(), nullptr);
  EXPECT_THAT(Submit(in_time), IsOk());
  observer_.Release();
  scheduler_.reset();
}

TEST_F(BatchSchedulerTest, CompletesManyStepsFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kSteps = 200;
  Start({.num_workers = 2,
         .batching = {.max_batch_rows = 8},
         .queue = {.max_rows = kThreads * kSteps}});
  absl::BlockingCounter complete(kThreads * kSteps);
  std::atomic<int> num_right{0};
  const OwnedTensor input = OwnedTensor::Floats({3, 1}, {1, 2, 3});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kSteps; ++i) {
        auto task = std::make_unique<StepTask>(
            SessionState(*model_), StepInputs{{input, std::nullopt}}, 3,
            [&](std::unique_ptr<StepTask> done, const absl::Status& status) {
              if (status.ok() && done->output == std::vector<float>{1, 4, 11}) ++num_right;
              complete.DecrementCount();
            });
        ASSERT_THAT(scheduler_->Submit(absl::MakeSpan(&task, 1)), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  complete.Wait();

  EXPECT_EQ(num_right, kThreads * kSteps);
}

// A clock that moves by one tick each time it is read, so that everything takes some time.
// Thread-safe.
class TickingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixNanos(now_ns_.fetch_add(tick_ns_.load()));
  }
  void SetTick(absl::Duration tick) { tick_ns_ = absl::ToInt64Nanoseconds(tick); }
  void Advance(absl::Duration duration) { now_ns_ += absl::ToInt64Nanoseconds(duration); }

 private:
  mutable std::atomic<int64_t> now_ns_ = 1'000'000'000;
  std::atomic<int64_t> tick_ns_ = 1'000;
};

// A scheduler of one worker, which the operating system stalls now and then. Otherwise everything
// takes ticks of 1 us.
class StallTest : public BatchSchedulerTest {
 protected:
  StallTest() {
    scheduler_ = std::make_unique<BatchScheduler>(
        ticking_clock_, model_, observer_, total_,
        BatchScheduler::Options{.num_workers = 1, .batching = {.max_batch_rows = 1}});
  }
  // Runs a step of two timesteps alone. The first of its two rounds takes at least `stall`.
  void RunStep(absl::Duration stall = absl::ZeroDuration()) {
    const size_t num_steps = observer_.steps().size();
    std::vector<TestStep> step = Steps(1);
    observer_.Hold();
    ASSERT_THAT(Submit(step), IsOk());
    observer_.AwaitStopped();
    ticking_clock_.Advance(stall);
    observer_.Release();
    while (observer_.steps().size() == num_steps) std::this_thread::yield();
  }
  // Submits a step that is to be done within `time`, behind three others that wait for the worker,
  // and lets all of them finish.
  absl::Status SubmitBehindOthers(absl::Duration time) {
    observer_.Hold();
    std::vector<TestStep> running = Steps(1);
    EXPECT_THAT(Submit(running), IsOk());
    observer_.AwaitStopped();
    std::vector<TestStep> waiting = Steps(3);
    EXPECT_THAT(Submit(waiting), IsOk());
    std::vector<TestStep> urgent = Steps(1);
    urgent[0].task()->limits.deadline = ticking_clock_.Now() + time;
    const absl::Status status = Submit(urgent);
    observer_.Release();
    scheduler_.reset();
    return status;
  }

  TickingClock ticking_clock_;
};

TEST_F(StallTest, OneStalledRoundRefusesNoneOfTheStepsThatFollow) {
  for (int i = 0; i < 4; ++i) RunStep();

  RunStep(/*stall=*/absl::Milliseconds(900));

  EXPECT_THAT(SubmitBehindOthers(absl::Milliseconds(100)), IsOk());
}

TEST_F(StallTest, AStalledFirstRoundRefusesNoneOfTheStepsThatFollow) {
  RunStep(/*stall=*/absl::Milliseconds(900));

  EXPECT_THAT(SubmitBehindOthers(absl::Milliseconds(100)), IsOk());
}

TEST_F(StallTest, RoundsThatAreLongAgoRefuseNothing) {
  for (int i = 0; i < 8; ++i) RunStep(/*stall=*/absl::Milliseconds(900));
  ticking_clock_.Advance(absl::Seconds(2));

  EXPECT_THAT(SubmitBehindOthers(absl::Milliseconds(100)), IsOk());
}

TEST_F(StallTest, RoundsThatAreAllSlowRefuseAStepThatWouldBeLate) {
  for (int i = 0; i < 4; ++i) RunStep();
  ticking_clock_.SetTick(absl::Microseconds(20));
  for (int i = 0; i < 8; ++i) RunStep();

  EXPECT_THAT(
      SubmitBehindOthers(absl::Microseconds(400)),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("wait"), "DEADLINE_UNREACHABLE"));
}

TEST_F(StallTest, AnIdleServerTriesAStepAfterAStalledCellStep) {
  ticking_clock_.SetTick(absl::Milliseconds(200));
  RunStep();
  ticking_clock_.SetTick(absl::Microseconds(1));
  std::vector<TestStep> urgent = Steps(1);
  urgent[0].task()->limits.deadline = ticking_clock_.Now() + absl::Milliseconds(100);

  EXPECT_THAT(Submit(urgent), IsOk());

  scheduler_.reset();
  EXPECT_THAT(urgent[0].status(), IsOk());
}

// A scheduler with one worker, on a clock on which every cell step takes a tick of 1 us.
class BurstTest : public BatchSchedulerTest {
 protected:
  void Start() {
    scheduler_ = std::make_unique<BatchScheduler>(
        ticking_clock_, model_, observer_, total_,
        BatchScheduler::Options{.num_workers = 1, .batching = {.max_batch_rows = 64}});
    // After the first step, the scheduler knows how long a cell step takes.
    std::vector<TestStep> first = Steps(1);
    ASSERT_THAT(Submit(first), IsOk());
    AwaitSteps(1);
    // Repeat until a step runs inline, which shows that the worker is asleep.
    while (!SubmitInBurst()) {
    }
  }
  // Submits a step in a burst and returns whether it ran inline.
  bool SubmitInBurst() {
    const size_t num_steps = observer_.steps().size();
    std::vector<TestStep> step = Steps(1);
    bool runs_inline = false;
    {
      const StepBurst burst;
      ticking_clock_.Advance(absl::Milliseconds(1));
      EXPECT_THAT(Submit(step), IsOk());
      runs_inline = burst.has(*scheduler_);
    }
    AwaitSteps(num_steps + 1);
    return runs_inline;
  }
  // Returns the inputs of a thousand timesteps whose outputs are all 1. From the second one on, the
  // state becomes twice itself minus 1.
  static std::vector<float> LongInput() {
    std::vector<float> input(1000, -1);
    input.front() = 1;
    return input;
  }
  // Waits until `count` steps have been committed since the start.
  void AwaitSteps(size_t count) {
    while (observer_.steps().size() < count) std::this_thread::yield();
  }

  TickingClock ticking_clock_;
};

TEST_F(BurstTest, ShortStepsRunInlineTogetherAtItsEnd) {
  Start();
  const size_t num_cell_steps = observer_.cell_step_rows().size();
  std::vector<TestStep> a = Steps(1);
  std::vector<TestStep> b = Steps(2);
  {
    const StepBurst burst;
    ticking_clock_.Advance(absl::Milliseconds(1));
    ASSERT_THAT(Submit(a), IsOk());
    ASSERT_THAT(Submit(b), IsOk());
    EXPECT_TRUE(burst.has(*scheduler_));
    EXPECT_EQ(scheduler_->num_queued(), 3);
  }

  EXPECT_THAT(a[0].output(), ElementsAre(1, 4));
  EXPECT_THAT(b[1].output(), ElementsAre(1, 4));
  const std::vector<int64_t> rows = observer_.cell_step_rows();
  // The steps have two timesteps in each of three rows.
  EXPECT_EQ(rows.size(), num_cell_steps + 2);
  EXPECT_EQ(rows.back(), 3);
}

TEST_F(BurstTest, ALongStepWakesAWorker) {
  Start();
  std::vector<TestStep> steps;
  steps.emplace_back(*model_, LongInput());
  const StepBurst burst;
  ticking_clock_.Advance(absl::Milliseconds(1));
  ASSERT_THAT(Submit(steps), IsOk());

  EXPECT_FALSE(burst.has(*scheduler_));
  scheduler_.reset();
  EXPECT_TRUE(steps.front().is_complete());
}

TEST_F(BurstTest, StepsInQuickSuccessionWakeAWorker) {
  Start();
  for (int i = 0; i < 100; ++i) {
    const size_t num_steps = observer_.steps().size();
    std::vector<TestStep> step = Steps(1);
    ASSERT_THAT(Submit(step), IsOk());
    AwaitSteps(num_steps + 1);
  }
  std::vector<TestStep> last = Steps(1);
  const StepBurst burst;
  ASSERT_THAT(Submit(last), IsOk());

  EXPECT_FALSE(burst.has(*scheduler_));
  scheduler_.reset();
}

TEST_F(BurstTest, LeavesStepsThatTakeTooLongToTheWorkers) {
  Start();
  std::vector<TestStep> first = Steps(1);
  std::vector<TestStep> second;
  second.emplace_back(*model_, LongInput());
  {
    const StepBurst burst;
    ticking_clock_.Advance(absl::Milliseconds(1));
    ASSERT_THAT(Submit(first), IsOk());
    ASSERT_THAT(Submit(second), IsOk());
    EXPECT_TRUE(burst.has(*scheduler_));
    ticking_clock_.SetTick(absl::Microseconds(4));
  }
  EXPECT_TRUE(first.front().is_complete());
  scheduler_.reset();

  ASSERT_TRUE(second.front().is_complete());
  EXPECT_THAT(second.front().status(), IsOk());
  EXPECT_EQ(second.front().output(), std::vector<float>(1000, 1));
}

TEST_F(BurstTest, StepsThatFollowAreComputedToo) {
  Start();
  std::vector<TestStep> steps = Steps(40);
  std::vector<TestStep> first = Steps(1);
  {
    const StepBurst burst;
    ticking_clock_.Advance(absl::Milliseconds(1));
    ASSERT_THAT(Submit(first), IsOk());
    ASSERT_THAT(Submit(steps), IsOk());
    ASSERT_TRUE(burst.has(*scheduler_));
  }
  scheduler_.reset();
  for (const TestStep& step : steps) EXPECT_THAT(step.output(), ElementsAre(1, 4));
}

}  // namespace
}  // namespace rnnserve::testing
