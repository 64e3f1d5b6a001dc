// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs whole loads against the fake server in this process, and tests what they send and how they
// end.

#include "client/load/load_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;

class LoadRunTest : public ::testing::Test {
 protected:
  LoadRunTest() {
    options_.models = {{"total", 1}};
    options_.num_sessions = 8;
    options_.num_streams = 2;
    options_.num_channels = 2;
    options_.lengths = LengthDistribution::Parse("uniform:1-9").value();
    options_.max_steps = 200;
    options_.warm_up = absl::ZeroDuration();
    for (int i = 0; i < 2; ++i) channels_.push_back(server_.Connect());
  }

  absl::StatusOr<LoadResult> Run(const Arrivals* arrivals) {
    const v1::DescribeModelResponse description = channels_[0]->DescribeModel("total").value();
    std::vector<LoadSession::Model> models;
    for (const ModelShare& share : options_.models) {
      models.push_back({share.model, ModelInput::Make(description, 1, 1).value()});
    }
    const LoadSurroundings surroundings{channels_, clock_, on_progress_,
                                        [this] { return is_interrupted_.load(); }};
    absl::StatusOr<LoadResult> result = RunLoad(options_, models, arrivals, surroundings);
    EXPECT_TRUE(server_.AwaitOpenSessions(0));
    return result;
  }

  FakeServer server_;
  std::vector<std::unique_ptr<Client>> channels_;
  MachineClock clock_;
  LoadOptions options_;
  std::atomic<bool> is_interrupted_ = false;
  double progress_ = 0;
  std::function<void(double)> on_progress_ = [this](double fraction) { progress_ = fraction; };
};

TEST_F(LoadRunTest, AClosedLoopSendsAsManyStepsAsItMay) {
  const absl::StatusOr<LoadResult> result = Run(nullptr);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->tally.num_steps, 200u);
  EXPECT_EQ(result->tally.num_answered, 200u);
  EXPECT_EQ(result->tally.num_sent, 200u);
  EXPECT_EQ(result->tally.AllLatencies().count(), 200u);
  EXPECT_EQ(result->send_delays.count(), 0u);
  EXPECT_THAT(result->status, IsOk());
  EXPECT_EQ(progress_, 1);
}

TEST_F(LoadRunTest, AnOpenLoopSendsEveryArrivalOnce) {
  options_.sessions_per_message = 2;
  options_.max_steps = 120;
  Arrivals arrivals;
  for (int i = 0; i < 60; ++i) arrivals.push_back(absl::Microseconds(300 * i));

  const absl::StatusOr<LoadResult> result = Run(&arrivals);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->tally.num_messages, 60u);
  EXPECT_EQ(result->tally.num_answered, 120u);
  EXPECT_EQ(result->send_delays.count(), 60u);
}

TEST_F(LoadRunTest, GroupsThinkBetweenTheirMessages) {
  options_.think_time = absl::Milliseconds(1);

  const absl::StatusOr<LoadResult> result = Run(nullptr);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->tally.num_answered, 200u);
  EXPECT_EQ(result->send_delays.count(), 200u);
}

TEST_F(LoadRunTest, TheWarmUpIsNotMeasured) {
  options_.warm_up = absl::Milliseconds(20);
  options_.max_steps = 2;
  const Arrivals arrivals = {absl::ZeroDuration(), absl::Milliseconds(10), absl::Milliseconds(20),
                             absl::Milliseconds(30)};

  const absl::StatusOr<LoadResult> result = Run(&arrivals);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->tally.num_steps, 2u);
}

TEST_F(LoadRunTest, EndsWhenItIsInterrupted) {
  const Arrivals arrivals = {absl::ZeroDuration(), absl::Hours(1)};
  options_.measured = absl::Hours(2);
  on_progress_ = [this](double) { is_interrupted_ = true; };

  const absl::StatusOr<LoadResult> result = Run(&arrivals);

  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->is_interrupted);
  EXPECT_LT(result->half_lengths[0], absl::Minutes(30));
}

TEST_F(LoadRunTest, FailsIfASessionIsNotOpened) {
  options_.models.push_back({"nothing", 1});

  EXPECT_THAT(Run(nullptr), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LoadRunTest, ReportsWhyAStreamEnded) {
  options_.num_streams = 1;
  options_.measured = absl::Hours(1);
  options_.max_steps = 10'000'000;
  on_progress_ = [this](double) { server_.EndStreamsAtNextMessage(); };

  const absl::StatusOr<LoadResult> result = Run(nullptr);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->status, StatusIs(absl::StatusCode::kUnavailable));
  const LoadTally& tally = result->tally;
  EXPECT_EQ(tally.num_answered + tally.NumFailedSteps(), tally.num_steps);
  EXPECT_GT(tally.NumFailedSteps(), 0u);
}

}  // namespace
}  // namespace rnnserve::client
