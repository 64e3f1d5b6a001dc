// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares quantiles of the histogram with those of the sorted values, for values of many shapes.

#include "client/load/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "client/load/random.h"

namespace rnnserve::client {
namespace {

constexpr double kQuantiles[] = {0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};

struct Shape {
  const char* name;
  // Draws a value in nanoseconds.
  std::function<double(Random&)> draw;
};

class LatencyHistogramShapeTest : public ::testing::TestWithParam<Shape> {};

TEST_P(LatencyHistogramShapeTest, QuantilesAreWithinTheErrorBound) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<int64_t> values(static_cast<size_t>(random.Integer(1, 3000)));
    LatencyHistogram histogram;
    for (int64_t& value : values) {
      value = static_cast<int64_t>(GetParam().draw(random));
      histogram.Add(absl::Nanoseconds(value));
    }
    std::sort(values.begin(), values.end());

    for (double q : kQuantiles) {
      const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
      const auto exact = static_cast<double>(values[std::max<size_t>(rank, 1) - 1]);
      EXPECT_NEAR(absl::ToDoubleNanoseconds(histogram.Quantile(q)), exact,
                  exact * LatencyHistogram::kRelativeError)
          << "q = " << q;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , LatencyHistogramShapeTest,
    ::testing::Values(Shape{"Uniform", [](Random& r) { return 1e6 * r.Uniform(); }},
                      Shape{"Small", [](Random& r) { return 300 * r.Uniform(); }},
                      Shape{"Exponential", [](Random& r) { return r.Exponential(2e6); }},
                      Shape{"Lognormal", [](Random& r) { return 1e5 * std::exp(2 * r.Normal()); }},
                      Shape{"AllMagnitudes",
                            [](Random& r) { return std::exp2(41.9 * r.Uniform()); }},
                      Shape{"Constant", [](Random&) { return 123457.0; }},
                      Shape{"TwoPeaks", [](Random& r) { return r.Uniform() < 0.99 ? 2e5 : 9e8; }}),
    [](const auto& test) { return test.param.name; });

TEST(LatencyHistogramTest, IsEmptyAtFirst) {
  const LatencyHistogram histogram;

  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.5), absl::ZeroDuration());
  EXPECT_EQ(histogram.min(), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), absl::ZeroDuration());
  EXPECT_EQ(histogram.Mean(), absl::ZeroDuration());
  EXPECT_TRUE(histogram.Buckets().empty());
}

TEST(LatencyHistogramTest, IsExactBelow128Nanoseconds) {
  LatencyHistogram histogram;
  for (int ns = 1; ns <= 100; ++ns) histogram.Add(absl::Nanoseconds(ns));

  EXPECT_EQ(histogram.Quantile(0.37), absl::Nanoseconds(37));
  EXPECT_EQ(histogram.Mean(), absl::Nanoseconds(50.5));
  EXPECT_EQ(histogram.Buckets().size(), 100u);
}

TEST(LatencyHistogramTest, BucketsTouchAndAreNarrow) {
  LatencyHistogram histogram;
  // Visit every bucket by its smallest value.
  for (int64_t ns = 0; ns < LatencyHistogram::kLongestNs;) {
    histogram.Add(absl::Nanoseconds(ns));
    ns = absl::ToInt64Nanoseconds(histogram.Buckets().back().upper);
  }

  absl::Duration end = absl::ZeroDuration();
  for (const LatencyHistogram::Bucket& bucket : histogram.Buckets()) {
    EXPECT_EQ(bucket.lower, end);
    EXPECT_EQ(bucket.count, 1u);
    const absl::Duration width = bucket.upper - bucket.lower;
    EXPECT_TRUE(width == absl::Nanoseconds(1) ||
                width <= 2 * LatencyHistogram::kRelativeError * bucket.lower)
        << bucket.lower;
    end = bucket.upper;
  }
  EXPECT_EQ(histogram.Buckets().size(), 2368u);
}

TEST(LatencyHistogramTest, KeepsTheExtremesOfValuesOutOfRange) {
  LatencyHistogram histogram;
  histogram.Add(absl::Hours(5));
  histogram.Add(-absl::Seconds(1));
  histogram.Add(absl::Milliseconds(1));

  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.min(), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), absl::Hours(5));
  EXPECT_EQ(histogram.Quantile(1), absl::Hours(5));
}

TEST(LatencyHistogramTest, MergedPartsAreTheWhole) {
  Random random(11);
  LatencyHistogram whole;
  std::vector<LatencyHistogram> parts(3);
  for (int i = 0; i < 5000; ++i) {
    const absl::Duration latency = absl::Nanoseconds(random.Exponential(1e5 * (1 + i % 3)));
    whole.Add(latency);
    parts[static_cast<size_t>(i % 3)].Add(latency);
  }

  LatencyHistogram merged;
  for (const LatencyHistogram& part : parts) merged.Merge(part);

  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  for (double q : kQuantiles) EXPECT_EQ(merged.Quantile(q), whole.Quantile(q)) << q;
  EXPECT_NE(merged.Quantile(0.5),
            (parts[0].Quantile(0.5) + parts[1].Quantile(0.5) + parts[2].Quantile(0.5)) / 3);
}

}  // namespace
}  // namespace rnnserve::client
