// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the numbers that decide the demo's exit code.

#include "client/demo/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

namespace rnnserve::client {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(LargestDifferenceTest, IsAbsoluteUpToOneAndRelativeAbove) {
  EXPECT_NEAR(LargestDifference({0.5f, 0.25f}, {0.5f, 0.5f}), 0.25, 1e-9);
  EXPECT_NEAR(LargestDifference({101}, {100}), 0.01, 1e-9);
  EXPECT_NEAR(LargestDifference({-99}, {-100}), 0.01, 1e-9);
}

TEST(LargestDifferenceTest, IsInfiniteForIncomparableValues) {
  EXPECT_TRUE(std::isinf(LargestDifference({1, 2}, {1})));
  EXPECT_TRUE(std::isinf(LargestDifference({kNan}, {1})));
  EXPECT_TRUE(std::isinf(LargestDifference({1}, {kNan})));
  EXPECT_TRUE(std::isinf(LargestDifference({kInfinity}, {kInfinity})));
}

TEST(IndexOfLargestTest, IsTheFirstOfEqualElements) {
  EXPECT_EQ(IndexOfLargest({1, 3, 2}), 1);
  EXPECT_EQ(IndexOfLargest({3, 3}), 0);
}

TEST(RootMeanSquareTest, OfTwoDifferences) {
  EXPECT_NEAR(RootMeanSquare({1, 10}, {4, 6}), std::sqrt((9 + 16) / 2.0), 1e-9);
}

TEST(ChecksTest, CountsAndPrintsFailures) {
  std::ostringstream out;
  Checks checks(out);

  checks.Expect(true, "right");
  checks.Expect(false, "wrong");
  checks.ExpectSmall(1e-5, "near");
  checks.ExpectSmall(3e-5, "far");
  checks.ExpectSmall(kNan, "nowhere");

  EXPECT_EQ(checks.num_all(), 5);
  EXPECT_EQ(checks.num_failed(), 3);
  EXPECT_EQ(out.str(),
            "  [ok]     right\n"
            "  [FAILED] wrong\n"
            "  [ok]     near: largest difference 1.0e-05 (at most 2e-05)\n"
            "  [FAILED] far: largest difference 3.0e-05 (at most 2e-05)\n"
            "  [FAILED] nowhere: largest difference nan (at most 2e-05)\n");
}

}  // namespace
}  // namespace rnnserve::client
