// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which replies a ReplyWindow keeps.

#include "core/session/reply_window.h"

#include <gtest/gtest.h>

#include <utility>

namespace rnnserve {
namespace {

KeptReply ReplyOf(uint64_t index, ByteBudget& budget) {
  KeptReply reply;
  reply.index = index;
  reply.output = {static_cast<float>(index)};
  reply.share = *budget.Take(10);
  return reply;
}

TEST(ReplyWindowTest, KeepsTheLastReplies) {
  ByteBudget budget(100);
  ReplyWindow window(2);

  for (const uint64_t index : {0, 1, 5}) window.Keep(ReplyOf(index, budget));

  EXPECT_EQ(window.Find(0), nullptr);
  ASSERT_NE(window.Find(1), nullptr);
  EXPECT_EQ(window.Find(1)->output, std::vector<float>{1});
  EXPECT_EQ(window.Find(2), nullptr);
  EXPECT_NE(window.Find(5), nullptr);
  EXPECT_EQ(window.replies().size(), 2u);
}

TEST(ReplyWindowTest, ReleasesTheBytesOfDroppedReplies) {
  ByteBudget budget(100);
  {
    ReplyWindow window(1);
    window.Keep(ReplyOf(0, budget));
    window.Keep(ReplyOf(1, budget));

    EXPECT_EQ(budget.used_bytes(), 10);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace rnnserve
