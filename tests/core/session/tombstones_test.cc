// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tombstones remember the last ends and forget the oldest first.

#include "core/session/tombstones.h"

#include <gtest/gtest.h>

#include <optional>

namespace rnnserve {
namespace {

TEST(TombstonesTest, RemembersWhy) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed);
  tombstones.Add("b", EndReason::kExpired);

  EXPECT_EQ(tombstones.Find("a"), EndReason::kClosed);
  EXPECT_EQ(tombstones.Find("b"), EndReason::kExpired);
  EXPECT_EQ(tombstones.Find("c"), std::nullopt);
}

TEST(TombstonesTest, ForgetsTheOldestWhenFull) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed);
  tombstones.Add("b", EndReason::kClosed);
  tombstones.Add("c", EndReason::kClosed);

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
  EXPECT_EQ(tombstones.Find("b"), EndReason::kClosed);
}

TEST(TombstonesTest, ForgetsAnIdThatIsUsedAgain) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed);

  tombstones.Remove("a");

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
}

TEST(TombstonesTest, KeepsTheLaterEndOfAnIdThatWasUsedAgain) {
  Tombstones tombstones(2);
  tombstones.Add("a", EndReason::kClosed);
  tombstones.Remove("a");
  tombstones.Add("a", EndReason::kExpired);

  tombstones.Add("b", EndReason::kClosed);

  EXPECT_EQ(tombstones.Find("a"), EndReason::kExpired);
}

TEST(TombstonesTest, RemembersNothingWithoutRoom) {
  Tombstones tombstones(0);

  tombstones.Add("a", EndReason::kClosed);

  EXPECT_EQ(tombstones.Find("a"), std::nullopt);
}

}  // namespace
}  // namespace rnnserve
