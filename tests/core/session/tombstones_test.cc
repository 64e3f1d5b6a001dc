// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that Tombstones remember the last ends and forget the oldest first.

#include "core/session/tombstones.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace rnnserve {
namespace {

TEST(TombstonesTest, RemembersTheReason) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 1);
  tombstones.Add("b", EndReason::kExpired, 1);

  EXPECT_EQ(tombstones.Find("a"), EndReason::kClosed);
  EXPECT_EQ(tombstones.Find("b"), EndReason::kExpired);
  EXPECT_EQ(tombstones.Find("c"), std::nullopt);
}

TEST(TombstonesTest, ForgetsTheOldestWhenFull) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 1);
  tombstones.Add("b", EndReason::kClosed, 1);
  tombstones.Add("c", EndReason::kClosed, 1);

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
  EXPECT_EQ(tombstones.Find("b"), EndReason::kClosed);
}

TEST(TombstonesTest, ForgetsAnIdThatIsUsedAgain) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 1);

  tombstones.Remove("a");

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
}

TEST(TombstonesTest, KeepsTheLaterEndOfAnIdThatWasUsedAgain) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 1);
  tombstones.Remove("a");
  tombstones.Add("a", EndReason::kExpired, 1);

  tombstones.Add("b", EndReason::kClosed, 1);

  EXPECT_EQ(tombstones.Find("a"), EndReason::kExpired);
}

TEST(TombstonesTest, RemembersNothingWithACapacityOfZero) {
  Tombstones tombstones(0);

  tombstones.Add("a", EndReason::kClosed, 1);

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
}

TEST(TombstonesTest, KeepsTheLaterOfTwoEnds) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 1);
  tombstones.Add("a", EndReason::kExpired, 1);
  EXPECT_EQ(tombstones.Find("a"), EndReason::kExpired);

  tombstones.Add("b", EndReason::kClosed, 1);
  EXPECT_EQ(tombstones.Find("a"), EndReason::kExpired);
  tombstones.Add("c", EndReason::kClosed, 1);
  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
}

// Tombstones must know exactly the last ends, except those whose id was used again.
class TombstonesPropertyTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(TombstonesPropertyTest, RemembersTheLastEnds) {
  std::mt19937 random(GetParam());
  const size_t capacity = 1 + random() % 5;
  Tombstones tombstones(static_cast<int64_t>(capacity));
  std::deque<std::pair<std::string, std::optional<EndReason>>> model;
  const auto forget = [&model](const std::string& id) {
    for (auto& [ended, reason] : model) {
      if (ended == id) reason.reset();
    }
  };
  for (int i = 0; i < 200; ++i) {
    const std::string id(random() % 8 * 10, 'x');
    forget(id);
    if (random() % 3 == 0) {
      tombstones.Remove(id);
    } else {
      const EndReason reason = random() % 2 == 0 ? EndReason::kClosed : EndReason::kExpired;
      tombstones.Add(id, reason, 1);
      model.emplace_back(id, reason);
      if (model.size() > capacity) model.pop_front();
    }

    for (size_t size = 0; size < 80; size += 10) {
      std::optional<EndReason> expected;
      for (const auto& [ended, reason] : model) {
        if (ended.size() == size && reason.has_value()) expected = reason;
      }
      ASSERT_EQ(tombstones.Find(std::string(size, 'x')), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TombstonesPropertyTest, ::testing::Range(0u, 100u));

TEST(TombstonesTest, RemembersTheEpoch) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed, 7);
  tombstones.Add("b", EndReason::kClosed, 8);

  EXPECT_EQ(tombstones.EpochOf("a"), 7u);
  EXPECT_EQ(tombstones.EpochOf("unknown"), 0u);
  tombstones.Add("c", EndReason::kClosed, 9);
  EXPECT_EQ(tombstones.EpochOf("a"), 0u);
  tombstones.Remove("b");
  EXPECT_EQ(tombstones.EpochOf("b"), 0u);
}

}  // namespace
}  // namespace rnnserve
