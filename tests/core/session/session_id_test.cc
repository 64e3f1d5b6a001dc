// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that random session ids have the right form, and that no two are equal.

#include "core/session/session_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace rnnserve {
namespace {

TEST(SessionIdTest, IsThirtyTwoHexadecimalDigits) {
  EXPECT_THAT(RandomSessionId(), ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(RandomSessionId().size(), 32u);
}

TEST(SessionIdTest, IsDifferentEveryTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(RandomSessionId());

  EXPECT_EQ(ids.size(), 1000u);
}

}  // namespace
}  // namespace rnnserve
