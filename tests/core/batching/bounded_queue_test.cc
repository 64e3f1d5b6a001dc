// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests BoundedQueue: limits, order, priorities, all-or-nothing pushes, the shares of idle workers,
// running inline and closing.

#include "core/batching/bounded_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/types/span.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointee;
using ::testing::SizeIs;

class BoundedQueueTest : public ::testing::Test {
 protected:
  using Queue = BoundedQueue<int>;
  using Tasks = Queue::Tasks;

  static Tasks Make(const std::vector<int>& values) {
    Tasks tasks;
    for (const int value : values) tasks.push_back(std::make_unique<int>(value));
    return tasks;
  }
  // Pushes tasks of 10 bytes and one timestep each.
  absl::Status Push(const std::vector<int>& values, Priority priority = Priority::kNormal,
                    int64_t rows = 1) {
    Tasks tasks = Make(values);
    return queue_.Push(absl::MakeSpan(tasks), {rows, 1, 10}, priority, displaced_);
  }
  Tasks Take(int64_t max) {
    Tasks taken;
    queue_.Take(max, taken);
    return taken;
  }

  QueueBudget total_{5, 50};
  Queue queue_{{.max_rows = 3, .max_bytes = 30}, total_};
  Tasks displaced_;
};

TEST_F(BoundedQueueTest, GivesTasksInTheOrderOfArrival) {
  ASSERT_THAT(Push({1, 2}), IsOk());
  ASSERT_THAT(Push({3}), IsOk());

  EXPECT_THAT(Take(2), ElementsAre(Pointee(1), Pointee(2)));
  EXPECT_THAT(Take(2), ElementsAre(Pointee(3)));
  EXPECT_THAT(Take(2), IsEmpty());
}

TEST_F(BoundedQueueTest, GivesAHigherPriorityFirst) {
  ASSERT_THAT(Push({1}, Priority::kLow), IsOk());
  ASSERT_THAT(Push({2}, Priority::kNormal), IsOk());
  ASSERT_THAT(Push({3}, Priority::kHigh), IsOk());
  EXPECT_THAT(queue_.waiting(), ElementsAre(3, 2, 1));

  EXPECT_THAT(Take(3), ElementsAre(Pointee(3), Pointee(2), Pointee(1)));
}

TEST_F(BoundedQueueTest, TakesAllTasksOrNoneAndLeavesThemUntouched) {
  ASSERT_THAT(Push({1, 2}), IsOk());
  Tasks tasks = Make({3, 4});

  EXPECT_THAT(
      queue_.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 rows wait"), "QUEUE_LIMIT"));

  EXPECT_THAT(tasks, ElementsAre(Pointee(3), Pointee(4)));
  EXPECT_EQ(queue_.load().rows, 2);
  EXPECT_THAT(Push({5}), IsOk());
}

TEST_F(BoundedQueueTest, CountsTheRowsOfATask) {
  EXPECT_THAT(Push({1}, Priority::kNormal, 2), IsOk());
  EXPECT_THAT(Push({2}, Priority::kNormal, 2), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(queue_.load().rows, 2);

  Take(1);

  EXPECT_EQ(queue_.load().rows, 0);
  EXPECT_THAT(Push({2}, Priority::kNormal, 3), IsOk());
}

TEST_F(BoundedQueueTest, LimitsTheBytes) {
  Tasks tasks = Make({1});
  EXPECT_THAT(queue_.Push(absl::MakeSpan(tasks), {1, 1, 31}, Priority::kNormal, displaced_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("at most 30; 31 more"),
                       "QUEUE_BYTES_LIMIT"));
  EXPECT_THAT(queue_.Push(absl::MakeSpan(tasks), {1, 1, 30}, Priority::kNormal, displaced_),
              IsOk());
}

TEST_F(BoundedQueueTest, SharesItsBudgetWithOtherQueues) {
  Queue other({.max_rows = 3, .max_bytes = 30}, total_);
  ASSERT_THAT(Push({1, 2, 3}), IsOk());
  Tasks two = Make({4, 5});
  ASSERT_THAT(other.Push(absl::MakeSpan(two), {1, 1, 10}, Priority::kNormal, displaced_), IsOk());
  Tasks one = Make({6});

  EXPECT_THAT(other.Push(absl::MakeSpan(one), {1, 1, 1}, Priority::kHigh, displaced_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("5 rows and 50 bytes"),
                       "TOTAL_QUEUE_LIMIT"));

  Take(1);
  EXPECT_THAT(other.Push(absl::MakeSpan(one), {1, 1, 1}, Priority::kHigh, displaced_), IsOk());
}

TEST_F(BoundedQueueTest, ReturnsItsBudgetAtTheEnd) {
  {
    Queue other({}, total_);
    Tasks tasks = Make({1, 2});
    ASSERT_THAT(other.Push(absl::MakeSpan(tasks), {1, 1, 10}, Priority::kNormal, displaced_),
                IsOk());
    EXPECT_EQ(total_.used().rows, 2);
  }
  EXPECT_EQ(total_.used().rows, 0);
  EXPECT_EQ(total_.used().bytes, 0);
}

TEST_F(BoundedQueueTest, AHigherPriorityDisplacesTheYoungestOfTheLowest) {
  ASSERT_THAT(Push({1}, Priority::kNormal), IsOk());
  ASSERT_THAT(Push({2, 3}, Priority::kLow), IsOk());

  EXPECT_THAT(Push({4}, Priority::kNormal), IsOk());

  EXPECT_THAT(displaced_, ElementsAre(Pointee(3)));
  EXPECT_THAT(Push({5, 6}, Priority::kHigh), IsOk());
  EXPECT_THAT(displaced_, ElementsAre(Pointee(3), Pointee(2), Pointee(4)));
  EXPECT_THAT(Take(3), ElementsAre(Pointee(5), Pointee(6), Pointee(1)));
  EXPECT_EQ(total_.used().rows, 0);
}

TEST_F(BoundedQueueTest, DisplacesNothingIfTheNewTasksStillDoNotFit) {
  ASSERT_THAT(Push({1, 2}, Priority::kNormal), IsOk());
  ASSERT_THAT(Push({3}, Priority::kLow), IsOk());

  EXPECT_THAT(Push({4, 5}, Priority::kNormal), StatusIs(absl::StatusCode::kResourceExhausted));

  EXPECT_THAT(displaced_, IsEmpty());
  EXPECT_EQ(queue_.load().rows, 3);
}

TEST_F(BoundedQueueTest, PutBackIgnoresTheLimits) {
  ASSERT_THAT(Push({1, 2, 3}), IsOk());

  queue_.PutBack(std::make_unique<int>(4), {1, 1, 10}, Priority::kNormal);

  EXPECT_EQ(queue_.load().rows, 4);
  EXPECT_THAT(Take(4), ElementsAre(Pointee(1), Pointee(2), Pointee(3), Pointee(4)));
}

TEST_F(BoundedQueueTest, TakeAppendsToTheGivenVector) {
  ASSERT_THAT(Push({2}), IsOk());
  Tasks taken = Make({1});

  queue_.Take(5, taken);

  EXPECT_THAT(taken, ElementsAre(Pointee(1), Pointee(2)));
}

TEST_F(BoundedQueueTest, WakesAWaitingWorker) {
  std::thread worker([this] {
    Tasks taken;
    EXPECT_TRUE(queue_.WaitAndTake(1, taken));
    EXPECT_THAT(taken, ElementsAre(Pointee(1)));
  });

  EXPECT_THAT(Push({1}), IsOk());

  worker.join();
}

TEST_F(BoundedQueueTest, WaitsForAFullBatchIfThereIsADelay) {
  std::thread worker([this] {
    Tasks taken;
    // If there were fewer tasks, this call would wait for an hour.
    EXPECT_TRUE(queue_.WaitAndTake(3, taken, absl::Hours(1)));
    EXPECT_THAT(taken, SizeIs(3));
  });

  for (const int value : {1, 2, 3}) EXPECT_THAT(Push({value}), IsOk());

  worker.join();
}

TEST_F(BoundedQueueTest, TakesWhatThereIsWhenTheDelayEnds) {
  ASSERT_THAT(Push({1}), IsOk());
  Tasks taken;

  EXPECT_TRUE(queue_.WaitAndTake(3, taken, absl::Nanoseconds(1)));

  EXPECT_THAT(taken, ElementsAre(Pointee(1)));
}

TEST_F(BoundedQueueTest, GivesTheRemainingTasksAfterClose) {
  ASSERT_THAT(Push({1}), IsOk());
  queue_.Close();
  Tasks taken;

  EXPECT_TRUE(queue_.WaitAndTake(1, taken));
  taken.clear();
  EXPECT_FALSE(queue_.WaitAndTake(1, taken));
}

TEST_F(BoundedQueueTest, CloseWakesEveryWorker) {
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([this] {
      Tasks taken;
      EXPECT_FALSE(queue_.WaitAndTake(1, taken));
    });
  }

  queue_.Close();

  for (std::thread& worker : workers) worker.join();
}

TEST_F(BoundedQueueTest, TakeAllTakesTheGivenNumberOrNone) {
  ASSERT_THAT(Push({1, 2, 3}), IsOk());
  Tasks taken;

  queue_.TakeAll(4, taken);
  EXPECT_THAT(taken, IsEmpty());
  queue_.TakeAll(2, taken);
  EXPECT_THAT(taken, ElementsAre(Pointee(1), Pointee(2)));
}

TEST_F(BoundedQueueTest, WaitAndTakeAllLeavesSmallerBatchesToOthers) {
  std::thread worker([this] {
    Tasks taken;
    EXPECT_TRUE(queue_.WaitAndTakeAll(2, taken));
    EXPECT_THAT(taken, ElementsAre(Pointee(2), Pointee(3)));
  });

  ASSERT_THAT(Push({1}), IsOk());
  EXPECT_THAT(Take(9), ElementsAre(Pointee(1)));
  ASSERT_THAT(Push({2, 3}), IsOk());

  worker.join();
}

TEST_F(BoundedQueueTest, AWorkerThatWaitsForAnyTaskGoesFirst) {
  Tasks first;
  std::thread any([&] { EXPECT_TRUE(queue_.WaitAndTake(2, first)); });
  while (queue_.num_waiting_workers() == 0) std::this_thread::yield();
  std::thread many([this] {
    Tasks taken;
    EXPECT_FALSE(queue_.WaitAndTakeAll(2, taken));
  });

  ASSERT_THAT(Push({1, 2}), IsOk());

  any.join();
  EXPECT_THAT(first, SizeIs(2));
  queue_.Close();
  many.join();
}

TEST_F(BoundedQueueTest, WaitingWorkersShareABurst) {
  QueueBudget total(9, 90);
  Queue queue({}, total);
  std::vector<Tasks> taken(3);
  std::vector<std::thread> workers;
  for (Tasks& mine : taken) {
    workers.emplace_back([&queue, &mine] { EXPECT_TRUE(queue.WaitAndTake(9, mine)); });
  }
  while (queue.num_waiting_workers() < 3) std::this_thread::yield();

  Tasks tasks = Make({1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_THAT(queue.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_), IsOk());

  for (std::thread& worker : workers) worker.join();
  EXPECT_THAT(taken, Each(SizeIs(3)));
}

// A worker thread that waits for one task.
class WaitingWorker {
 public:
  explicit WaitingWorker(BoundedQueue<int>& queue)
      : thread_([this, &queue] { queue.WaitAndTake(1, taken_); }) {
    while (queue.num_waiting_workers() == 0) std::this_thread::yield();
  }
  // Waits for the worker to end and returns what it took.
  const BoundedQueue<int>::Tasks& Join() {
    thread_.join();
    return taken_;
  }

 private:
  BoundedQueue<int>::Tasks taken_;
  std::thread thread_;
};

TEST_F(BoundedQueueTest, APushDoesNotRunInlineWhileNoWorkerSleeps) {
  Tasks tasks = Make({1});
  bool runs_inline = true;
  ASSERT_THAT(
      queue_.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_, &runs_inline),
      IsOk());
  EXPECT_FALSE(runs_inline);
}

TEST_F(BoundedQueueTest, AnInlineRunnerTakesAllTasksAndWakesNoWorker) {
  WaitingWorker worker(queue_);
  Tasks tasks = Make({1, 2});
  bool runs_inline = false;
  ASSERT_THAT(
      queue_.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_, &runs_inline),
      IsOk());
  ASSERT_TRUE(runs_inline);
  ASSERT_THAT(Push({3}), IsOk());

  EXPECT_THAT(Take(3), ElementsAre(Pointee(1), Pointee(2), Pointee(3)));
  EXPECT_TRUE(queue_.TryStopRunningInline());
  EXPECT_EQ(queue_.num_waiting_workers(), 1);

  ASSERT_THAT(Push({4}), IsOk());
  EXPECT_THAT(worker.Join(), ElementsAre(Pointee(4)));
}

TEST_F(BoundedQueueTest, AnInlineRunnerThatStopsLeavesTheRestToAWorker) {
  WaitingWorker worker(queue_);
  Tasks tasks = Make({1});
  bool runs_inline = false;
  ASSERT_THAT(
      queue_.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_, &runs_inline),
      IsOk());
  ASSERT_TRUE(runs_inline);
  EXPECT_FALSE(queue_.TryStopRunningInline());

  queue_.StopRunningInline();

  EXPECT_THAT(worker.Join(), ElementsAre(Pointee(1)));
  queue_.WaitUntilNobodyRunsInline();
}

TEST_F(BoundedQueueTest, TheLastInlineRunnerMayNotLeaveTasksBehind) {
  WaitingWorker worker(queue_);
  for (const int value : {1, 2}) {
    Tasks tasks = Make({value});
    bool runs_inline = false;
    ASSERT_THAT(
        queue_.Push(absl::MakeSpan(tasks), {1, 1, 1}, Priority::kNormal, displaced_, &runs_inline),
        IsOk());
    ASSERT_TRUE(runs_inline);
  }
  EXPECT_TRUE(queue_.TryStopRunningInline());
  EXPECT_FALSE(queue_.TryStopRunningInline());

  Take(2);
  EXPECT_TRUE(queue_.TryStopRunningInline());

  queue_.Close();
  EXPECT_THAT(worker.Join(), IsEmpty());
}

}  // namespace
}  // namespace rnnserve::testing
