// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests stepping many sessions of a real server with one message of the C++ library.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::ServerProcess;
using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kModels[] = RNNSERVE_SOURCE_DIR "/client/demo/models";

class StepSessionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = ServerProcess::Start({"--model-dir", kModels});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    client_ = Client::Connect(server_->grpc_address()).value();
    for (int i = 0; i < 20; ++i) {
      sessions_.push_back(client_->OpenSession("sunspots").value());
      request_.session_ids.push_back(sessions_.back().id());
      values_.push_back(static_cast<float>(i) / 20);
    }
    request_.model = "sunspots";
    request_.input = Tensor({20, 1, 1}, values_);
  }
  void TearDown() override {
    sessions_.clear();
    client_.reset();
    EXPECT_EQ(server_->Stop(), 0) << server_->Log();
  }

  // Returns the outputs of separate sessions for the same values.
  std::vector<float> Expected() {
    std::vector<float> expected;
    for (const float value : values_) {
      Session session = client_->OpenSession("sunspots").value();
      const auto result = session.Step(Tensor({1, 1}, std::vector<float>{value}));
      expected.push_back(result->output.floats()[0]);
    }
    return expected;
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> client_;
  std::vector<Session> sessions_;
  std::vector<float> values_;
  StepSessionsRequest request_;
};

TEST_F(StepSessionsTest, AdvancesEachSession) {
  const auto result = client_->StepSessions(request_);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->errors, IsEmpty());
  EXPECT_EQ(result->output, Tensor({20, 1, 1}, Expected()));
  EXPECT_EQ(result->versions, std::vector<uint64_t>(20, 1));
}

TEST_F(StepSessionsTest, AStreamAdvancesTheSameSessions) {
  const auto stream = client_->OpenStream();
  ASSERT_THAT(client_->StepSessions(request_), IsOk());
  absl::Notification done;

  const auto second = stream->StepSessions(request_);
  stream->StepSessionsAsync(request_, {}, [&](const absl::StatusOr<StepSessionsResult>& third) {
    EXPECT_THAT(third, IsOk());
    EXPECT_EQ(third->versions, std::vector<uint64_t>(20, 3));
    done.Notify();
  });

  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->versions, std::vector<uint64_t>(20, 2));
  done.WaitForNotification();
  EXPECT_THAT(stream->Finish(), IsOk());
}

TEST_F(StepSessionsTest, ReportsWhichSessionFailed) {
  request_.session_ids[7] = "nobody";

  const auto result = client_->StepSessions(request_);

  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(result->errors, SizeIs(1));
  EXPECT_EQ(result->errors[0].first, 7u);
  EXPECT_THAT(result->errors[0].second, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(result->errors[0].second), "SESSION_UNKNOWN");
  EXPECT_EQ(result->versions[7], 0u);
  EXPECT_EQ(result->versions[8], 1u);
}

TEST_F(StepSessionsTest, HasNoOutputIfAllSessionsFailed) {
  for (Session& session : sessions_) ASSERT_THAT(session.Close(), IsOk());

  const auto result = client_->StepSessions(request_);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->errors, SizeIs(20));
  EXPECT_THAT(result->output.floats(), IsEmpty());
  EXPECT_EQ(result->versions, std::vector<uint64_t>(20, 0));
}

TEST_F(StepSessionsTest, ReportsWhyTheWholeCallFailed) {
  request_.session_ids.pop_back();

  EXPECT_THAT(client_->StepSessions(request_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input has 20 rows")));
}

TEST_F(StepSessionsTest, AppliesAMaskAndAPriority) {
  std::vector<bool> mask(20, true);
  mask[0] = false;
  request_.mask = Tensor({20, 1}, mask);
  request_.priority = Priority::kHigh;

  const auto result = client_->StepSessions(request_);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->versions[0], 1u);
}

}  // namespace
}  // namespace rnnserve::client
