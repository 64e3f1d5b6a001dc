// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the bytes of tensors on the wire, and replies that break the protocol.

#include "client/cpp/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (int value : values) bytes += static_cast<char>(value);
  return bytes;
}

v1::Tensor Written(const Tensor& tensor) {
  v1::Tensor message;
  ToMessage(tensor, &message);
  return message;
}

TEST(WireTest, WritesRawLittleEndianBytes) {
  EXPECT_EQ(Written(Tensor({1}, std::vector<float>{1.5f})).raw(), Bytes({0, 0, 0xC0, 0x3F}));
  EXPECT_EQ(Written(Tensor({1}, std::vector<int32_t>{258})).raw(), Bytes({2, 1, 0, 0}));
  EXPECT_EQ(Written(Tensor({1}, std::vector<int64_t>{-2})).raw(),
            Bytes({0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
  EXPECT_EQ(Written(Tensor({3}, std::vector<bool>{true, false, true})).raw(), Bytes({1, 0, 1}));
}

TEST(WireTest, ReadsWhatItWrote) {
  const Tensor floats({2, 1}, std::vector<float>{1.5f, -2});
  const Tensor ids({2}, std::vector<int64_t>{1, int64_t{1} << 40});

  EXPECT_EQ(FromMessage(Written(floats)).value(), floats);
  EXPECT_EQ(FromMessage(Written(ids)).value(), ids);
  EXPECT_EQ(FromMessage(Written(Tensor())).value(), Tensor());
}

TEST(WireTest, ReadsTypedValues) {
  v1::Tensor message;
  message.add_shape(2);
  message.add_float_values(0.5f);
  message.add_float_values(-1);

  EXPECT_EQ(FromMessage(message).value(), Tensor({2}, std::vector<float>{0.5f, -1}));
}

TEST(WireTest, RefusesBytesThatDoNotFillTheShape) {
  v1::Tensor message = Written(Tensor({2}, std::vector<float>{1, 2}));
  message.set_shape(0, 3);

  EXPECT_THAT(FromMessage(message),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("8 bytes; its shape needs 12")));
}

TEST(WireTest, RefusesExtentsWhoseProductOverflows) {
  v1::Tensor message = Written(Tensor());
  message.set_shape(0, int64_t{1} << 31);
  message.add_shape(int64_t{1} << 31);
  message.add_shape(int64_t{1} << 31);

  EXPECT_THAT(FromMessage(message), StatusIs(absl::StatusCode::kInternal, HasSubstr("extent")));
}

TEST(WireTest, RefusesANegativeExtent) {
  v1::Tensor message = Written(Tensor());
  message.set_shape(0, -4);

  EXPECT_THAT(FromMessage(message), StatusIs(absl::StatusCode::kInternal, HasSubstr("extent -4")));
}

TEST(WireTest, RefusesBytesWithoutAType) {
  v1::Tensor message;
  message.add_shape(1);
  message.set_raw("abcd");

  EXPECT_THAT(FromMessage(message),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("element type 0")));
}

TEST(WireTest, WritesStatesWithTheirNames) {
  google::protobuf::RepeatedPtrField<v1::StateTensor> messages;

  ToMessage({{"lstm", "h", Tensor({1}, std::vector<float>{3})}}, &messages);

  ASSERT_EQ(messages.size(), 1);
  EXPECT_EQ(messages[0].layer(), "lstm");
  EXPECT_EQ(messages[0].name(), "h");
  EXPECT_EQ(FromMessages(messages).value()[0].value, Tensor({1}, std::vector<float>{3}));
}

TEST(WireTest, WritesSessionOptions) {
  SessionOptions options;
  options.session_id = "a";
  options.is_detached = true;
  options.idle_timeout = absl::Seconds(2);
  v1::OpenSessionRequest request;

  ToMessage("m", options, &request);

  EXPECT_EQ(request.model(), "m");
  EXPECT_EQ(request.session_id(), "a");
  EXPECT_TRUE(request.detached());
  EXPECT_EQ(request.idle_timeout_ms(), 2000);
}

TEST(WireTest, WritesTheDurabilityOfTheOptions) {
  SessionOptions options;
  v1::OpenSessionRequest request;

  ToMessage("m", options, &request);
  EXPECT_EQ(request.durability(), v1::DURABILITY_UNSPECIFIED);
  options.durability = Durability::kNone;
  ToMessage("m", options, &request);
  EXPECT_EQ(request.durability(), v1::DURABILITY_NONE);
  options.durability = Durability::kAsync;
  ToMessage("m", options, &request);
  EXPECT_EQ(request.durability(), v1::DURABILITY_ASYNC);
  options.durability = Durability::kSync;
  ToMessage("m", options, &request);
  EXPECT_EQ(request.durability(), v1::DURABILITY_SYNC);
}

TEST(WireTest, AStepResultContainsTheDurableVersion) {
  v1::StepResponse response;
  ToMessage(Tensor({1}, std::vector<float>{1}), response.mutable_output());
  response.set_version(7);
  response.set_durable_version(5);
  response.set_replayed(true);

  const auto result = FromMessage(response);

  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->version, 7u);
  EXPECT_EQ(result->durable_version, 5u);
  EXPECT_TRUE(result->is_replayed);
}

}  // namespace
}  // namespace rnnserve::client
