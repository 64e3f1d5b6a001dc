// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the form of an error on the wire.

#include "server/status_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "google/rpc/error_details.pb.h"

namespace rnnserve::server {
namespace {

TEST(StatusMappingTest, KeepsCodeTextAndReason) {
  const grpc::Status status = ToGrpcStatus(InvalidArgument("INPUT_SHAPE", "12 is not 13"));

  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "12 is not 13");
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(info.reason(), "INPUT_SHAPE");
  EXPECT_EQ(info.domain(), "rnnserve");
}

TEST(StatusMappingTest, CarriesNumbersInTheMetadata) {
  const google::rpc::Status status = ToRpcStatus(
      WithNumber(MakeError(absl::StatusCode::kAborted, "STEP_GAP", "2"), "expected_index", 7));

  google::rpc::ErrorInfo info;
  ASSERT_EQ(status.details_size(), 1);
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  ASSERT_EQ(info.metadata_size(), 1);
  EXPECT_EQ(info.metadata().at("expected_index"), "7");
}

TEST(StatusMappingTest, CarriesTheRetryDelay) {
  const google::rpc::Status status =
      ToRpcStatus(ResourceExhausted("QUEUE_LIMIT", "4096 wait", absl::Milliseconds(1500)));

  google::rpc::RetryInfo retry;
  ASSERT_EQ(status.details_size(), 2);
  ASSERT_TRUE(status.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(StatusMappingTest, CutsLongTexts) {
  const grpc::Status status = ToGrpcStatus(InvalidArgument("X", std::string(100'000, 'a')));

  EXPECT_EQ(status.error_message().size(), 2048u);
}

TEST(StatusMappingTest, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

}  // namespace
}  // namespace rnnserve::server
