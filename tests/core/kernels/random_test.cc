// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares random numbers with the published numbers of SplitMix64 and with the moments of their
// distributions, with fixed keys. The limits are 5 standard errors.

#include "core/kernels/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rnnserve {
namespace {

constexpr uint64_t kKey = 42;
constexpr int kCount = 100'000;

TEST(RandomTest, IsSplitMix64) {
  EXPECT_EQ(RandomBits(1234567, 0), 6457827717110365317u);
  EXPECT_EQ(RandomBits(1234567, 1), 3203168211198807973u);
  EXPECT_EQ(RandomBits(1234567, 2), 9817491932198370423u);
  EXPECT_EQ(RandomBits(1234567, 4), 16408922859458223821u);
}

TEST(RandomTest, DependsOnTheKey) { EXPECT_NE(RandomBits(1, 0), RandomBits(2, 0)); }

// The mean is 1/2 and the variance is 1/12.
TEST(RandomTest, UniformNumbersFillTheUnitInterval) {
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double u = RandomUniform(kKey, static_cast<uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += (u - 0.5) * (u - 0.5);
  }

  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1.0 / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / kCount));
}

// The first four moments are 0, 1, 0 and 3. Their variances are 1, 2, 15 and 96.
TEST(RandomTest, NormalNumbersHaveTheMomentsOfTheNormalDistribution) {
  double sums[4] = {};
  for (int i = 0; i < kCount; ++i) {
    const double n = RandomNormal(kKey, static_cast<uint64_t>(i));
    ASSERT_TRUE(std::isfinite(n));
    for (int power = 0; power < 4; ++power) sums[power] += std::pow(n, power + 1);
  }

  EXPECT_NEAR(sums[0] / kCount, 0.0, 5 * std::sqrt(1.0 / kCount));
  EXPECT_NEAR(sums[1] / kCount, 1.0, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(sums[2] / kCount, 0.0, 5 * std::sqrt(15.0 / kCount));
  EXPECT_NEAR(sums[3] / kCount, 3.0, 5 * std::sqrt(96.0 / kCount));
}

}  // namespace
}  // namespace rnnserve
