// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/shape.h"

#include <gtest/gtest.h>

#include <limits>

// Tests the arithmetic on shapes, which must not overflow because shapes come from requests and
// model files.

namespace rnnserve {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

TEST(CheckedMultiplyTest, ReturnsTheProductIfItFits) {
  EXPECT_EQ(CheckedMultiply(6, 7), 42);
  EXPECT_EQ(CheckedMultiply(0, kLargest), 0);
  EXPECT_EQ(CheckedMultiply(kLargest, 1), kLargest);
}

TEST(CheckedMultiplyTest, ReturnsNothingOnOverflow) {
  EXPECT_EQ(CheckedMultiply(kLargest, 2), std::nullopt);
  EXPECT_EQ(CheckedMultiply(int64_t{1} << 32, int64_t{1} << 31), std::nullopt);
}

TEST(CheckedMultiplyTest, ReturnsNothingForNegativeFactors) {
  EXPECT_EQ(CheckedMultiply(-1, 5), std::nullopt);
  EXPECT_EQ(CheckedMultiply(5, -1), std::nullopt);
  EXPECT_EQ(CheckedMultiply(-2, -3), std::nullopt);
}

TEST(ShapeTest, NumElementsIsTheProductOfTheExtents) {
  EXPECT_EQ(Shape({2, 3, 4}).NumElements(), 24);
  EXPECT_EQ(Shape({7}).NumElements(), 7);
  EXPECT_EQ(Shape({3, 0}).NumElements(), 0);
}

TEST(ShapeTest, AScalarHasOneElement) {
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().NumElements(), 1);
}

TEST(ShapeTest, NumElementsReturnsNothingOnANegativeExtentOrOverflow) {
  EXPECT_EQ(Shape({2, -1}).NumElements(), std::nullopt);
  EXPECT_EQ(Shape({0, -1}).NumElements(), std::nullopt);
  EXPECT_EQ(Shape({kLargest, 3}).NumElements(), std::nullopt);
}

TEST(ShapeTest, PrintsAsAList) {
  EXPECT_EQ(Shape({2, 12}).ToString(), "[2, 12]");
  EXPECT_EQ(Shape().ToString(), "[]");
}

TEST(ShapeTest, EqualsAShapeWithTheSameExtents) {
  EXPECT_TRUE(Shape({2, 3}) == Shape({2, 3}));
  EXPECT_FALSE(Shape({2, 3}) == Shape({3, 2}));
  EXPECT_FALSE(Shape({2}) == Shape({2, 1}));
}

TEST(ShapeTest, GivesAccessToItsExtents) {
  const Shape shape({5, 6});

  EXPECT_EQ(shape.rank(), 2);
  EXPECT_EQ(shape[1], 6);
  EXPECT_EQ(Shape(shape.extents()), shape);
}

}  // namespace
}  // namespace rnnserve
