// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// BoundedQueue: bounds, order, all or nothing, the share of idle workers, the end.

#include "core/batching/bounded_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/types/span.h"

namespace rnnserve::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pointee;
using ::testing::SizeIs;

class BoundedQueueTest : public ::testing::Test {
 protected:
  using Tasks = std::vector<std::unique_ptr<int>>;

  static Tasks Make(const std::vector<int>& values) {
    Tasks tasks;
    for (const int value : values) tasks.push_back(std::make_unique<int>(value));
    return tasks;
  }
  bool Push(const std::vector<int>& values, int64_t room = 1) {
    Tasks tasks = Make(values);
    return queue_.Push(absl::MakeSpan(tasks), room);
  }
  Tasks Take(int64_t max) {
    Tasks taken;
    queue_.Take(max, taken);
    return taken;
  }

  BoundedQueue<int> queue_{3};
};

TEST_F(BoundedQueueTest, GivesInTheOrderOfArrival) {
  Push({1, 2});
  Push({3});

  EXPECT_THAT(Take(2), ElementsAre(Pointee(1), Pointee(2)));
  EXPECT_THAT(Take(2), ElementsAre(Pointee(3)));
  EXPECT_THAT(Take(2), IsEmpty());
}

TEST_F(BoundedQueueTest, TakesAllTasksOrNoneAndLeavesThemUntouched) {
  Push({1, 2});
  Tasks tasks = Make({3, 4});

  EXPECT_FALSE(queue_.Push(absl::MakeSpan(tasks)));

  EXPECT_THAT(tasks, ElementsAre(Pointee(3), Pointee(4)));
  EXPECT_EQ(queue_.size(), 2);
  EXPECT_TRUE(Push({5}));
}

TEST_F(BoundedQueueTest, CountsTheRoomOfATask) {
  EXPECT_TRUE(Push({1}, 2));
  EXPECT_FALSE(Push({2}, 2));
  EXPECT_EQ(queue_.size(), 2);

  Take(1);

  EXPECT_EQ(queue_.size(), 0);
  EXPECT_TRUE(Push({2}, 3));
}

TEST_F(BoundedQueueTest, AddsToWhatWasTaken) {
  Push({2});
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

  Push({1});

  worker.join();
}

TEST_F(BoundedQueueTest, GivesWhatIsLeftAfterTheEnd) {
  Push({1});
  queue_.Close();
  Tasks taken;

  EXPECT_TRUE(queue_.WaitAndTake(1, taken));
  taken.clear();
  EXPECT_FALSE(queue_.WaitAndTake(1, taken));
}

TEST_F(BoundedQueueTest, TheEndWakesEveryWorker) {
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

TEST_F(BoundedQueueTest, WaitingWorkersShareABurst) {
  BoundedQueue<int> queue(9);
  std::vector<Tasks> taken(3);
  std::vector<std::thread> workers;
  for (Tasks& mine : taken) {
    workers.emplace_back([&queue, &mine] { EXPECT_TRUE(queue.WaitAndTake(9, mine)); });
  }
  while (queue.num_waiting_workers() < 3) std::this_thread::yield();

  Tasks tasks = Make({1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_TRUE(queue.Push(absl::MakeSpan(tasks)));

  for (std::thread& worker : workers) worker.join();
  EXPECT_THAT(taken, Each(SizeIs(3)));
}

}  // namespace
}  // namespace rnnserve::testing
