// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that errors from the wire, even malformed ones, keep their code, text, reason and delay.

#include "client/cpp/status_conversion.h"

#include <gtest/gtest.h>

#include "client/cpp/error.h"
#include "google/rpc/error_details.pb.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;

google::rpc::Status Message(int code, const std::string& domain, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_domain(domain);
  info.set_reason(reason);
  google::rpc::Status message;
  message.set_code(code);
  message.set_message("the text");
  message.add_details()->PackFrom(info);
  return message;
}

TEST(StatusConversionTest, KeepsCodeTextAndReasonOfACall) {
  const google::rpc::Status details = Message(5, "rnnserve", "SESSION_EXPIRED");

  const absl::Status status =
      FromGrpc(grpc::Status(grpc::NOT_FOUND, "the text", details.SerializeAsString()));

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "the text"));
  EXPECT_EQ(ErrorReason(status), "SESSION_EXPIRED");
}

TEST(StatusConversionTest, KeepsCodeTextAndReasonOfAnAction) {
  const absl::Status status = FromMessage(Message(3, "rnnserve", "INPUT_SHAPE"));

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "the text"));
  EXPECT_EQ(ErrorReason(status), "INPUT_SHAPE");
}

TEST(StatusConversionTest, OkIsOk) { EXPECT_THAT(FromGrpc(grpc::Status::OK), IsOk()); }

TEST(StatusConversionTest, IgnoresDetailsThatAreNotAMessage) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::INTERNAL, "the text", "\xff\xff not a message"));

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "the text"));
  EXPECT_EQ(ErrorReason(status), "");
}

TEST(StatusConversionTest, IgnoresTheReasonOfAnotherDomain) {
  EXPECT_EQ(ErrorReason(FromMessage(Message(5, "example.com", "GONE"))), "");
}

TEST(StatusConversionTest, AnErrorWithTheCodeOfSuccessIsUnknown) {
  EXPECT_THAT(FromMessage(Message(0, "rnnserve", "X")),
              StatusIs(absl::StatusCode::kUnknown, "the text"));
}

TEST(StatusConversionTest, AnErrorWithACodeThatGrpcLacksIsUnknown) {
  EXPECT_THAT(FromMessage(Message(99, "rnnserve", "X")),
              StatusIs(absl::StatusCode::kUnknown, "the text"));
}

TEST(StatusConversionTest, ReportsTheRetryDelay) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(1);
  info.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Status message = Message(8, "rnnserve", "QUEUE_FULL");
  message.add_details()->PackFrom(info);

  EXPECT_EQ(RetryDelay(FromMessage(message)), absl::Milliseconds(1500));
  EXPECT_EQ(RetryDelay(FromMessage(Message(8, "rnnserve", "QUEUE_FULL"))), std::nullopt);
}

}  // namespace
}  // namespace rnnserve::client
