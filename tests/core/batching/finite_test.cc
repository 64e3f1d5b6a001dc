// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that AllFinite and AllStatesFinite find an infinity or a NaN at any position, and ignore
// padding.

#include "core/batching/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace rnnserve {
namespace {

using Limits = std::numeric_limits<float>;

TEST(FiniteTest, ExtremeNumbersAreFinite) {
  EXPECT_TRUE(AllFinite({}));
  EXPECT_TRUE(AllFinite({0.0f, -0.0f, Limits::max(), Limits::lowest(), Limits::denorm_min()}));
}

class NotFiniteTest : public ::testing::TestWithParam<float> {};

TEST_P(NotFiniteTest, IsFoundAtEveryPosition) {
  for (size_t i = 0; i < 37; ++i) {
    std::vector<float> values(37, 1.0f);
    values[i] = GetParam();
    EXPECT_FALSE(AllFinite(values)) << "at " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Values, NotFiniteTest,
                         ::testing::Values(Limits::infinity(), -Limits::infinity(),
                                           Limits::quiet_NaN(), -Limits::quiet_NaN(),
                                           Limits::signaling_NaN()));

TEST(FiniteTest, LooksAtTheStatesButNotAtThePaddingBetweenThem) {
  StateLayout layout;
  layout.tensors = {{"a", "h", {2}, 0, 2}, {"b", "h", {1}, 16, 1}};
  layout.size = 32;
  std::vector<float> block(32, NAN);
  block[0] = block[1] = block[16] = 1.0f;
  EXPECT_TRUE(AllStatesFinite(layout, block.data()));

  block[16] = NAN;

  EXPECT_FALSE(AllStatesFinite(layout, block.data()));
}

}  // namespace
}  // namespace rnnserve
