// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests a resumable session over gRPC with real servers that are killed. Other tests check the
// reaction to each fault without a server; here the statuses come from a real one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/resumable_session.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::ServerProcess;
using ::rnnserve::testing::StatusIs;
using ::testing::SizeIs;

Tensor Value(int i) { return Tensor({1, 1}, std::vector<float>{std::sin(static_cast<float>(i))}); }

class ResumableServedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto& server : servers_) {
      auto started =
          ServerProcess::Start({"--model", absl::StrCat("sunspots=", RNNSERVE_SOURCE_DIR,
                                                        "/client/demo/models/sunspots.keras")});
      ASSERT_THAT(started, IsOk());
      server = *std::move(started);
    }
  }

  std::unique_ptr<ResumableSession> Open() {
    ResumableSession::Options options;
    options.attempt_timeout = absl::Seconds(5);  // Other tests may keep the machine busy.
    options.retry_time = absl::Seconds(30);
    options.observer = [this](const Resumption& resumption) { told_.push_back(resumption); };
    return ResumableSession::Open({servers_[0]->grpc_address(), servers_[1]->grpc_address()},
                                  "sunspots", std::move(options))
        .value();
  }

  // Returns the outputs of an undisturbed session for Value(0), Value(1), ...
  std::vector<Tensor> Chain(int num_steps) {
    auto client = Client::Connect(servers_[1]->grpc_address()).value();
    Session session = client->OpenSession("sunspots").value();
    std::vector<Tensor> outputs;
    for (int i = 0; i < num_steps; ++i) outputs.push_back(session.Step(Value(i))->output);
    return outputs;
  }

  std::unique_ptr<ServerProcess> servers_[2];
  std::vector<Resumption> told_;
};

TEST_F(ResumableServedTest, ContinuesOnAnotherServerWhenItsOwnIsKilled) {
  const std::vector<Tensor> expected = Chain(10);
  auto session = Open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(session->Step(Value(i))->output, expected[i]);

  kill(servers_[0]->pid(), SIGKILL);
  ASSERT_TRUE(servers_[0]->Wait(absl::Seconds(10)).has_value());

  for (int i = 5; i < 10; ++i) {
    const auto result = session->Step(Value(i));
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->output, expected[i]);
  }
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].is_reopened);
  EXPECT_EQ(told_[0].num_replayed, 5u);
  EXPECT_THAT(session->Close(), IsOk());
}

TEST_F(ResumableServedTest, StopsWhenAnotherWriterAttaches) {
  auto session = Open();
  ASSERT_THAT(session->Step(Value(0)), IsOk());

  auto client = Client::Connect(servers_[0]->grpc_address()).value();
  auto other = client->AttachSession(session->id());
  ASSERT_THAT(other, IsOk());

  const auto result = session->Step(Value(1));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ErrorReason(result.status()), "STEP_FENCED");
}

TEST_F(ResumableServedTest, BeginsAnewAfterAReset) {
  const std::vector<Tensor> expected = Chain(2);
  auto session = Open();
  ASSERT_THAT(session->Step(Value(7)), IsOk());

  ASSERT_THAT(session->ResetState(), IsOk());

  EXPECT_EQ(session->Step(Value(0))->output, expected[0]);
  EXPECT_EQ(session->Step(Value(1))->output, expected[1]);
}

}  // namespace
}  // namespace rnnserve::client
