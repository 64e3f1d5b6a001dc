// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that StepBurst runs each scheduler once, at its end, including schedulers that are added
// while it runs.

#include "core/batching/step_burst.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace rnnserve::testing {
namespace {

class CountingScheduler final : public StepBurst::Scheduler {
 public:
  explicit CountingScheduler(std::function<void()> while_running = [] {})
      : while_running_(std::move(while_running)) {}
  void RunInline() override {
    ++num_runs_;
    while_running_();
  }
  int num_runs() const { return num_runs_; }

 private:
  const std::function<void()> while_running_;
  int num_runs_ = 0;
};

TEST(StepBurstTest, ThereIsNoBurstUnlessOneIsMade) {
  EXPECT_EQ(StepBurst::current(), nullptr);
  { const StepBurst burst; }
  EXPECT_EQ(StepBurst::current(), nullptr);
}

TEST(StepBurstTest, RunsSchedulersAtItsEnd) {
  CountingScheduler a;
  CountingScheduler b;
  {
    StepBurst burst;
    ASSERT_EQ(StepBurst::current(), &burst);
    burst.Add(a);
    EXPECT_TRUE(burst.has(a));
    EXPECT_FALSE(burst.has(b));
    burst.Add(b);
    EXPECT_EQ(a.num_runs(), 0);
  }
  EXPECT_EQ(a.num_runs(), 1);
  EXPECT_EQ(b.num_runs(), 1);
}

TEST(StepBurstTest, AnInnerBurstLeavesItsSchedulersToTheOuterOne) {
  CountingScheduler scheduler;
  {
    StepBurst outer;
    {
      const StepBurst inner;
      EXPECT_EQ(StepBurst::current(), &outer);
      StepBurst::current()->Add(scheduler);
    }
    EXPECT_EQ(scheduler.num_runs(), 0);
  }
  EXPECT_EQ(scheduler.num_runs(), 1);
}

TEST(StepBurstTest, RunsSchedulersThatAreAddedMeanwhile) {
  CountingScheduler second;
  CountingScheduler first([&second] { StepBurst::current()->Add(second); });
  {
    StepBurst burst;
    burst.Add(first);
  }
  EXPECT_EQ(first.num_runs(), 1);
  EXPECT_EQ(second.num_runs(), 1);
}

TEST(StepBurstTest, BelongsToTheThreadThatMadeIt) {
  const StepBurst burst;
  StepBurst* other = StepBurst::current();

  std::thread([&other] { other = StepBurst::current(); }).join();

  EXPECT_EQ(other, nullptr);
}

}  // namespace
}  // namespace rnnserve::testing
