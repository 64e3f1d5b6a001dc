// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that a ByteBudget gives out no more bytes than it has, and that each share returns its
// bytes exactly once.

#include "core/base/byte_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace rnnserve {
namespace {

TEST(ByteBudgetTest, GivesNoMoreThanIsLeft) {
  ByteBudget budget(10);

  const auto first = budget.Take(6);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->bytes(), 6);
  EXPECT_FALSE(budget.Take(5).has_value());
  EXPECT_TRUE(budget.Take(4).has_value());
  EXPECT_EQ(budget.used_bytes(), 6);
}

TEST(ByteBudgetTest, AMovedShareIsGivenBackOnce) {
  ByteBudget budget(10);
  {
    ByteBudget::Share share;
    {
      auto taken = *budget.Take(7);
      share = std::move(taken);
    }
    EXPECT_EQ(budget.used_bytes(), 7);
    const ByteBudget::Share moved(std::move(share));
    EXPECT_EQ(budget.used_bytes(), 7);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST(ByteBudgetTest, AReplacedShareIsGivenBack) {
  ByteBudget budget(10);
  auto share = *budget.Take(3);
  share = *budget.Take(4);

  EXPECT_EQ(budget.used_bytes(), 4);
}

TEST(ByteBudgetTest, ThreadsTogetherGetNoMoreThanTheLimit) {
  ByteBudget budget(5);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&budget] {
      for (int round = 0; round < 1000; ++round) {
        const auto share = budget.Take(2);
        ASSERT_LE(budget.used_bytes(), 5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace rnnserve
