// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the statistics of every distribution with fixed seeds, and invalid texts.

#include "client/load/length_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::TemporaryFolder;
using ::testing::HasSubstr;

constexpr int kNumDraws = 100'000;

std::vector<int64_t> DrawSorted(const std::string& text) {
  const LengthDistribution lengths = LengthDistribution::Parse(text).value();
  Random random(9);
  std::vector<int64_t> drawn(kNumDraws);
  for (int64_t& length : drawn) length = lengths.Draw(random);
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

double Mean(const std::vector<int64_t>& values) {
  double sum = 0;
  for (int64_t value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

TEST(LengthDistributionTest, FixedIsAlwaysTheSame) {
  const std::vector<int64_t> drawn = DrawSorted("fixed:37");

  EXPECT_EQ(drawn.front(), 37);
  EXPECT_EQ(drawn.back(), 37);
}

TEST(LengthDistributionTest, IsFixedAt100ByDefault) {
  Random random(1);

  EXPECT_EQ(LengthDistribution().Draw(random), 100);
  EXPECT_EQ(LengthDistribution().text(), "fixed:100");
}

TEST(LengthDistributionTest, KnowsWhetherAllLengthsAreTheSameMultiple) {
  const LengthDistribution six = LengthDistribution::Parse("fixed:6").value();

  EXPECT_TRUE(six.IsFixedMultipleOf(1));
  EXPECT_TRUE(six.IsFixedMultipleOf(3));
  EXPECT_FALSE(six.IsFixedMultipleOf(4));
  EXPECT_FALSE(six.IsFixedMultipleOf(12));
  EXPECT_FALSE(LengthDistribution::Parse("uniform:6-12").value().IsFixedMultipleOf(1));
  EXPECT_FALSE(LengthDistribution::Parse("lognormal:6,0").value().IsFixedMultipleOf(1));
}

TEST(LengthDistributionTest, UniformDrawsEveryLengthEquallyOften) {
  std::map<int64_t, int> counts;
  for (int64_t length : DrawSorted("uniform:5-14")) ++counts[length];

  EXPECT_EQ(counts.size(), 10u);
  // The standard deviation of each count is 95.
  for (const auto& [length, count] : counts) EXPECT_NEAR(count, 10'000, 400) << length;
  EXPECT_EQ(counts.begin()->first, 5);
}

TEST(LengthDistributionTest, GeometricEndsAtEveryTimestepWithTheSameProbability) {
  const std::vector<int64_t> drawn = DrawSorted("geometric:4");
  std::map<int64_t, double> shares;
  for (int64_t length : drawn) shares[length] += 1.0 / kNumDraws;

  EXPECT_EQ(drawn.front(), 1);
  EXPECT_NEAR(Mean(drawn), 4, 0.05);
  for (int64_t length = 1; length <= 10; ++length) {
    EXPECT_NEAR(shares[length], 0.25 * std::pow(0.75, static_cast<double>(length - 1)), 0.006)
        << length;
  }
}

TEST(LengthDistributionTest, GeometricOfMeanOneIsAlwaysOne) {
  EXPECT_EQ(DrawSorted("geometric:1").back(), 1);
}

TEST(LengthDistributionTest, LognormalHasItsMedianAndSigma) {
  const std::vector<int64_t> drawn = DrawSorted("lognormal:1000,0.5");

  EXPECT_NEAR(static_cast<double>(drawn[kNumDraws / 2]), 1000, 10);
  // These values are one sigma below and above the median.
  EXPECT_NEAR(static_cast<double>(drawn[15'866]), 1000 * std::exp(-0.5), 10);
  EXPECT_NEAR(static_cast<double>(drawn[84'134]), 1000 * std::exp(0.5), 20);
  EXPECT_NEAR(Mean(drawn), 1000 * std::exp(0.125), 10);
}

TEST(LengthDistributionTest, LengthsStayInRange) {
  EXPECT_GE(DrawSorted("lognormal:1,10").front(), 1);
  EXPECT_LE(DrawSorted("lognormal:1,10").back(), LengthDistribution::kLongest);
}

TEST(LengthDistributionTest, FileDrawsEachOfItsLines) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "lengths";
  std::ofstream(path) << "3\n8\n8\n20\n";

  std::map<int64_t, int> counts;
  for (int64_t length : DrawSorted("file:" + path)) ++counts[length];

  EXPECT_EQ(counts.size(), 3u);
  EXPECT_NEAR(counts[3], 25'000, 600);
  EXPECT_NEAR(counts[8], 50'000, 700);
  EXPECT_NEAR(counts[20], 25'000, 600);
}

TEST(LengthDistributionTest, FileNamesTheWrongLength) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "lengths";
  std::ofstream(path) << "3\n2.5\n";

  EXPECT_THAT(LengthDistribution::Parse("file:" + path),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2.5 is not a whole number")));
  EXPECT_THAT(LengthDistribution::Parse("file:/nonexistent"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

class WrongLengthsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(WrongLengthsTest, IsRefusedWithTheForms) {
  EXPECT_THAT(LengthDistribution::Parse(GetParam()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lognormal:MEDIAN,SIGMA")));
}

INSTANTIATE_TEST_SUITE_P(, WrongLengthsTest,
                         ::testing::Values("", "100", "fixed", "fixed:", "fixed:0", "fixed:1.5",
                                           "fixed:nan", "fixed:2e9", "uniform:5", "uniform:5-4",
                                           "uniform:0-4", "geometric:0.5", "lognormal:10",
                                           "lognormal:10,-1", "lognormal:0,1", "normal:3"),
                         [](const auto& test) { return absl::StrCat("Case", test.index); });

}  // namespace
}  // namespace rnnserve::client
