// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the statistics of random arrivals with fixed seeds, and where random and recorded arrivals
// end.

#include "client/load/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ArrivalLimits kTenSeconds = {absl::Seconds(2), absl::Seconds(10), 1'000'000};

class PoissonArrivalsTest : public ::testing::TestWithParam<double> {};

TEST_P(PoissonArrivalsTest, GapsAreExponential) {
  const double rate = GetParam();
  const ArrivalLimits limits{absl::ZeroDuration(), absl::InfiniteDuration(), 100'000};
  const absl::StatusOr<Arrivals> arrivals = DrawPoissonArrivals(rate, limits, 5);
  ASSERT_THAT(arrivals, IsOk());
  ASSERT_EQ(arrivals->size(), 100'000u);

  std::vector<double> gaps;
  absl::Duration last = absl::ZeroDuration();
  for (absl::Duration time : *arrivals) {
    gaps.push_back(absl::ToDoubleSeconds(time - last) * rate);
    last = time;
  }
  std::sort(gaps.begin(), gaps.end());

  // The limit is the Kolmogorov-Smirnov bound: one seed in a thousand exceeds 1.95 / sqrt(n).
  double distance = 0;
  for (size_t i = 0; i < gaps.size(); ++i) {
    const double expected = 1 - std::exp(-gaps[i]);
    const double n = static_cast<double>(gaps.size());
    distance = std::max({distance, std::abs(expected - static_cast<double>(i) / n),
                         std::abs(expected - static_cast<double>(i + 1) / n)});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(1e5));
}

TEST_P(PoissonArrivalsTest, CountsOfEqualTimesHaveTheVarianceOfTheirMean) {
  const double rate = GetParam();
  const ArrivalLimits limits{absl::ZeroDuration(), absl::InfiniteDuration(), 200'000};
  const Arrivals arrivals = DrawPoissonArrivals(rate, limits, 6).value();

  // Count the arrivals in intervals that have 20 on average. The last interval is dropped.
  std::vector<double> counts(
      static_cast<size_t>(absl::ToDoubleSeconds(arrivals.back()) * rate / 20));
  for (absl::Duration time : arrivals) {
    const auto interval = static_cast<size_t>(absl::ToDoubleSeconds(time) * rate / 20);
    if (interval < counts.size()) ++counts[interval];
  }
  double mean = 0;
  for (double count : counts) mean += count / static_cast<double>(counts.size());
  double variance = 0;
  for (double count : counts) {
    variance += (count - mean) * (count - mean) / static_cast<double>(counts.size());
  }

  EXPECT_NEAR(mean, 20, 0.3);
  // The relative deviation of this ratio is sqrt(2 / 10000), or 1.4 %.
  EXPECT_NEAR(variance / mean, 1, 0.06);
}

INSTANTIATE_TEST_SUITE_P(, PoissonArrivalsTest, ::testing::Values(0.01, 1, 250, 1e6),
                         [](const auto& test) { return absl::StrCat("Case", test.index); });

TEST(ArrivalsTest, TheSameSeedGivesTheSameArrivals) {
  EXPECT_EQ(DrawPoissonArrivals(50, kTenSeconds, 1).value(),
            DrawPoissonArrivals(50, kTenSeconds, 1).value());
  EXPECT_NE(DrawPoissonArrivals(50, kTenSeconds, 1).value(),
            DrawPoissonArrivals(50, kTenSeconds, 2).value());
}

TEST(ArrivalsTest, EndWithTheTime) {
  const Arrivals arrivals = DrawPoissonArrivals(1000, kTenSeconds, 3).value();

  EXPECT_LT(arrivals.back(), absl::Seconds(12));
  EXPECT_GT(arrivals.back(), absl::Seconds(11.9));
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 12'000, 450);
  EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
}

TEST(ArrivalsTest, CountOnlyArrivalsAfterTheWarmUp) {
  ArrivalLimits limits = kTenSeconds;
  limits.max_measured = 100;

  const Arrivals arrivals = DrawPoissonArrivals(1000, limits, 3).value();

  const auto is_measured = [](absl::Duration time) { return time >= absl::Seconds(2); };
  EXPECT_EQ(std::count_if(arrivals.begin(), arrivals.end(), is_measured), 100);
  EXPECT_GT(arrivals.size(), 2000u);
}

TEST(ArrivalsTest, AreBounded) {
  const ArrivalLimits hour{absl::ZeroDuration(), absl::Hours(1), 100'000'000};

  EXPECT_THAT(DrawPoissonArrivals(1e6, hour, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("20000000")));
}

TEST(ArrivalsTest, RecordedOnesCountFromTheFirst) {
  const auto arrivals =
      ParseArrivals("# recorded\n1000.25\n1000.5  # the second\n\n1003\n", kTenSeconds);

  ASSERT_THAT(arrivals, IsOk());
  EXPECT_THAT(*arrivals,
              ElementsAre(absl::ZeroDuration(), absl::Milliseconds(250), absl::Milliseconds(2750)));
}

TEST(ArrivalsTest, RecordedOnesEndWithTheLimits) {
  EXPECT_EQ(ParseArrivals("0\n11.5\n12\n13\n", kTenSeconds)->size(), 2u);
  EXPECT_EQ(ParseArrivals("0\n2\n3\n4\n", {absl::Seconds(2), absl::Seconds(10), 2})->size(), 3u);
}

TEST(ArrivalsTest, RecordedOnesMustAscend) {
  EXPECT_THAT(ParseArrivals("0\n2\n1\n", kTenSeconds),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("arrival 2 is 1 s, before the one that precedes it (2 s)")));
  EXPECT_THAT(ParseArrivals("0\nsoon\n", kTenSeconds),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: 'soon'")));
}

}  // namespace
}  // namespace rnnserve::client
