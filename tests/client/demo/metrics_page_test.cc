// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests histograms read from a /metrics page. The expected quantiles were computed by hand from the
// definition of PromQL's histogram_quantile.

#include "client/demo/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <limits>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kPage[] =
    "# HELP wait_seconds How long.\n"
    "# TYPE wait_seconds histogram\n"
    "wait_seconds_count{model=\"a\"} 10\n"
    "wait_seconds_sum{model=\"a\"} 25\n"
    "wait_seconds_bucket{model=\"a\",le=\"1\"} 4\n"
    "wait_seconds_bucket{model=\"a\",le=\"2\"} 4\n"
    "wait_seconds_bucket{model=\"a\",le=\"4\"} 8\n"
    "wait_seconds_bucket{model=\"a\",le=\"+Inf\"} 10\n"
    "wait_seconds_sum{model=\"b\"} 1\n"
    "wait_seconds_bucket{model=\"b\",le=\"1\"} 2\n"
    "wait_seconds_bucket{model=\"b\",le=\"+Inf\"} 2\n"
    "waits_total{model=\"a\"} 7\n";

TEST(MetricsPageTest, FindsTheHistogramWithTheLabels) {
  const Histogram a = MetricsPage(kPage).HistogramOf("wait_seconds", {{"model", "a"}});

  EXPECT_EQ(a.count(), 10);
  EXPECT_EQ(a.Mean(), 2.5);
}

TEST(MetricsPageTest, AddsUpHistogramsOfAllOtherLabels) {
  EXPECT_EQ(MetricsPage(kPage).HistogramOf("wait_seconds", {}).count(), 12);
}

TEST(MetricsPageTest, IsEmptyIfThereIsNoHistogram) {
  EXPECT_EQ(MetricsPage(kPage).HistogramOf("wait_seconds", {{"model", "c"}}).count(), 0);
  EXPECT_EQ(MetricsPage(kPage).HistogramOf("wait", {}).count(), 0);
  EXPECT_EQ(MetricsPage("garbage{\n}{ x\n").HistogramOf("garbage", {}).count(), 0);
}

TEST(HistogramTest, InterpolatesInTheBucketOfTheRank) {
  const Histogram a = MetricsPage(kPage).HistogramOf("wait_seconds", {{"model", "a"}});

  EXPECT_DOUBLE_EQ(a.Quantile(0.2), 0.5);  // rank 2 of the 4 between 0 and 1
  EXPECT_DOUBLE_EQ(a.Quantile(0.4), 1);
  EXPECT_DOUBLE_EQ(a.Quantile(0.5), 2.5);  // rank 5, the first of the 4 between 2 and 4
  EXPECT_DOUBLE_EQ(a.Quantile(0.99), 4);   // above the last finite bound
}

TEST(HistogramTest, HasNoQuantilesWithoutObservations) {
  EXPECT_EQ(Histogram().Quantile(0.5), 0);
  EXPECT_EQ(Histogram().Mean(), 0);
}

TEST(HistogramTest, ReturnsTheObservationsSinceThen) {
  Histogram earlier;
  earlier.Add(1, 3);
  earlier.Add(std::numeric_limits<double>::infinity(), 3);
  earlier.AddSum(2);
  Histogram later = earlier;
  later.Add(1, 0);
  later.Add(std::numeric_limits<double>::infinity(), 1);
  later.AddSum(8);

  const Histogram since = later.Since(earlier);

  EXPECT_EQ(since.count(), 1);
  EXPECT_EQ(since.Mean(), 8);
}

TEST(FetchMetricsTest, GetsThePage) {
  httplib::Server server;
  server.Get("/metrics", [](const httplib::Request& /*request*/, httplib::Response& response) {
    response.set_content(kPage, "text/plain");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&server] { server.listen_after_bind(); });

  const auto page = FetchMetrics(absl::StrCat("127.0.0.1:", port));
  server.stop();
  serving.join();

  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->HistogramOf("wait_seconds", {{"model", "b"}}).count(), 2);
}

TEST(FetchMetricsTest, NamesTheAddressThatDoesNotAnswer) {
  // Port 1 belongs to tcpmux, which nobody serves.
  EXPECT_THAT(FetchMetrics("127.0.0.1:1"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("http://127.0.0.1:1/metrics")));
}

}  // namespace
}  // namespace rnnserve::client
