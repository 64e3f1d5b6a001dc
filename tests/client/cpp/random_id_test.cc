// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the random ids of sessions: their form, and that no two are equal.

#include "client/cpp/random_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

TEST(RandomIdTest, IsThirtyTwoHexadecimalDigits) {
  const auto id = RandomSessionId();

  ASSERT_THAT(id, ::rnnserve::testing::IsOk());
  EXPECT_EQ(id->size(), 32u);
  EXPECT_EQ(id->find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(RandomIdTest, DiffersEachTime) { EXPECT_NE(*RandomSessionId(), *RandomSessionId()); }

}  // namespace
}  // namespace rnnserve::client
