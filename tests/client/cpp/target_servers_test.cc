// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the calls of a resumable session over gRPC: their content, their target, and their errors.

#include "client/cpp/target_servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cpp/error.h"
#include "client/cpp/wire.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr int kMaxMessageBytes = 1 << 20;

v1::OpenSessionRequest OpenRequest(const std::string& id) {
  v1::OpenSessionRequest request;
  request.set_model("total");
  request.set_session_id(id);
  return request;
}

v1::StepRequest StepRequest(const std::string& id) {
  v1::StepRequest request;
  request.set_session_id(id);
  ToMessage(Tensor({1, 2}, std::vector<float>{1, 2}), request.mutable_input());
  return request;
}

TEST(TargetServersTest, EveryCallCarriesTheIdOfItsSession) {
  FakeServer server;
  auto servers = TargetServers::Create({server.address()}, kMaxMessageBytes).value();
  v1::GetStateRequest get;
  get.set_session_id("a");
  v1::CloseSessionRequest close;
  close.set_session_id("a");

  ASSERT_THAT(servers->Open(OpenRequest("a"), kTimeout), IsOk());
  ASSERT_THAT(servers->Step(StepRequest("a"), kTimeout), IsOk());
  ASSERT_THAT(servers->GetState(get, kTimeout), IsOk());
  ASSERT_THAT(servers->Close(close, kTimeout), IsOk());

  EXPECT_THAT(server.SessionIdKeys(), ElementsAre("a", "a", "a", "a"));
  EXPECT_THAT(server.OpenSessions(), IsEmpty());
}

TEST(TargetServersTest, GoesFromTargetToTargetAndBack) {
  FakeServer first;
  FakeServer second;
  auto servers =
      TargetServers::Create({first.address(), second.address()}, kMaxMessageBytes).value();

  ASSERT_THAT(servers->Open(OpenRequest("a"), kTimeout), IsOk());
  servers->MoveOn();
  ASSERT_THAT(servers->Open(OpenRequest("b"), kTimeout), IsOk());
  servers->MoveOn();
  ASSERT_THAT(servers->Open(OpenRequest("c"), kTimeout), IsOk());

  EXPECT_EQ(servers->size(), 2);
  EXPECT_THAT(first.OpenSessions(), ElementsAre("a", "c"));
  EXPECT_THAT(second.OpenSessions(), ElementsAre("b"));
}

TEST(TargetServersTest, ReportsTheServersReasons) {
  FakeServer server;
  auto servers = TargetServers::Create({server.address()}, kMaxMessageBytes).value();

  const auto result = servers->Step(StepRequest("unknown"), kTimeout);

  EXPECT_THAT(result, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ErrorReason(result.status()), "SESSION_NOT_FOUND");
}

TEST(TargetServersTest, DoesNotWaitForAnAbsentServer) {
  auto servers = TargetServers::Create({"unix:/nonexistent/socket"}, kMaxMessageBytes).value();

  const auto result = servers->Open(OpenRequest("a"), kTimeout);

  EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ErrorReason(result.status()), "");
}

TEST(TargetServersTest, NeedsATarget) {
  EXPECT_THAT(TargetServers::Create({}, kMaxMessageBytes),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace rnnserve::client
