// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// StepBurst: each scheduler is attended to once, at the end, also those that come while others are.

#include "core/batching/step_burst.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace rnnserve::testing {
namespace {

class CountingScheduler final : public StepBurst::Scheduler {
 public:
  explicit CountingScheduler(std::function<void()> while_attending = [] {})
      : while_attending_(std::move(while_attending)) {}
  void Attend() override {
    ++num_attended_;
    while_attending_();
  }
  int num_attended() const { return num_attended_; }

 private:
  const std::function<void()> while_attending_;
  int num_attended_ = 0;
};

TEST(StepBurstTest, ThereIsNoneUnlessOneIsMade) {
  EXPECT_EQ(StepBurst::current(), nullptr);
  { const StepBurst burst; }
  EXPECT_EQ(StepBurst::current(), nullptr);
}

TEST(StepBurstTest, AttendsAtItsEnd) {
  CountingScheduler a;
  CountingScheduler b;
  {
    StepBurst burst;
    ASSERT_EQ(StepBurst::current(), &burst);
    burst.Add(a);
    EXPECT_TRUE(burst.has(a));
    EXPECT_FALSE(burst.has(b));
    burst.Add(b);
    EXPECT_EQ(a.num_attended(), 0);
  }
  EXPECT_EQ(a.num_attended(), 1);
  EXPECT_EQ(b.num_attended(), 1);
}

TEST(StepBurstTest, OneWithinAnotherLeavesItToTheOuter) {
  CountingScheduler scheduler;
  {
    StepBurst outer;
    {
      const StepBurst inner;
      EXPECT_EQ(StepBurst::current(), &outer);
      StepBurst::current()->Add(scheduler);
    }
    EXPECT_EQ(scheduler.num_attended(), 0);
  }
  EXPECT_EQ(scheduler.num_attended(), 1);
}

TEST(StepBurstTest, AttendsToWhatComesMeanwhile) {
  CountingScheduler second;
  CountingScheduler first([&second] { StepBurst::current()->Add(second); });
  {
    StepBurst burst;
    burst.Add(first);
  }
  EXPECT_EQ(first.num_attended(), 1);
  EXPECT_EQ(second.num_attended(), 1);
}

TEST(StepBurstTest, IsThatOfItsThread) {
  const StepBurst burst;
  StepBurst* other = StepBurst::current();

  std::thread([&other] { other = StepBurst::current(); }).join();

  EXPECT_EQ(other, nullptr);
}

}  // namespace
}  // namespace rnnserve::testing
