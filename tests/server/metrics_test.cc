// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the metric series of the server, and that each observation is counted in the right one.

#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "core/base/error.h"

namespace rnnserve::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Render(Metrics& metrics) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, metrics.registry()->Collect());
  return text.str();
}

TEST(MetricsTest, ARequestIsCountedUnderItsMethodAndCode) {
  Metrics metrics;

  metrics.ForMethod(Method::kStreamStep).OnRequest(absl::OkStatus(), absl::Milliseconds(3));

  const std::string text = Render(metrics);
  EXPECT_THAT(text, HasSubstr("rnnserve_request_duration_seconds_count{code=\"OK\","
                              "method=\"Stream.Step\"} 1"));
  EXPECT_THAT(text, HasSubstr("rnnserve_request_duration_seconds_sum{code=\"OK\","
                              "method=\"Stream.Step\"} 0.003"));
  EXPECT_THAT(text, Not(HasSubstr("rnnserve_errors_total{")));
}

TEST(MetricsTest, AnErrorIsCountedWithItsReason) {
  Metrics metrics;

  metrics.ForMethod(Method::kDescribeModel)
      .OnRequest(NotFound("MODEL_NOT_FOUND", "no model 'x'"), absl::Milliseconds(1));

  EXPECT_THAT(Render(metrics),
              HasSubstr("rnnserve_errors_total{code=\"NOT_FOUND\",method=\"DescribeModel\","
                        "reason=\"MODEL_NOT_FOUND\"} 1"));
}

TEST(MetricsTest, AModelHasItsSeriesFromTheStart) {
  Metrics metrics;

  metrics.ForModel("m");

  const std::string text = Render(metrics);
  EXPECT_THAT(text, HasSubstr("rnnserve_steps_total{model=\"m\"} 0"));
  EXPECT_THAT(text, HasSubstr("rnnserve_batch_rows_count{model=\"m\"} 0"));
  EXPECT_THAT(text, HasSubstr("rnnserve_sessions_ended_total{model=\"m\","
                              "reason=\"SESSION_EXPIRED\"} 0"));
}

TEST(MetricsTest, StepsAndCellStepsAreObserved) {
  Metrics metrics;
  ModelObserver& model = metrics.ForModel("m");

  model.OnCellStep(3, absl::Microseconds(20));
  model.OnSteps({{5, absl::Milliseconds(1), absl::Milliseconds(2)}});
  model.OnSessionEnded(EndReason::kClosed);

  const std::string text = Render(metrics);
  EXPECT_THAT(text, HasSubstr("rnnserve_batch_rows_bucket{model=\"m\",le=\"2\"} 0"));
  EXPECT_THAT(text, HasSubstr("rnnserve_batch_rows_bucket{model=\"m\",le=\"4\"} 1"));
  EXPECT_THAT(text, HasSubstr("rnnserve_timesteps_total{model=\"m\"} 5"));
  EXPECT_THAT(text, HasSubstr("rnnserve_queue_duration_seconds_sum{model=\"m\"} 0.001"));
  EXPECT_THAT(text, HasSubstr("rnnserve_compute_duration_seconds_sum{model=\"m\"} 0.002"));
  EXPECT_THAT(text, HasSubstr("rnnserve_sessions_ended_total{model=\"m\","
                              "reason=\"SESSION_CLOSED\"} 1"));
}

TEST(MetricsTest, TheObserverOfAModelIsAlwaysTheSame) {
  Metrics metrics;

  EXPECT_EQ(&metrics.ForModel("m"), &metrics.ForModel("m"));
}

}  // namespace
}  // namespace rnnserve::server
