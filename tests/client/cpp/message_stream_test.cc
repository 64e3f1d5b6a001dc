// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests MessageStream against the fake server, which answers each message with one.

#include "client/cpp/message_stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/synchronization/mutex.h"
#include "rnnserve/v1/inference.pb.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;

// Far longer than a healthy machine needs: only a broken test waits this long.
constexpr absl::Duration kPatience = absl::Seconds(20);

// Records the events of the stream.
class Recorder final : public MessageStream::Listener {
 public:
  void OnWritten() override {
    absl::MutexLock lock(&mu_);
    ++num_written_;
  }
  void OnResponse(const v1::StreamResponse& response) override {
    absl::MutexLock lock(&mu_);
    responses_.push_back(response);
  }
  void OnEnd(const absl::Status& status) override {
    absl::MutexLock lock(&mu_);
    ends_.push_back(status);
  }

  // Waits until `num_written` messages have been written and `num_responses` responses received.
  bool Await(size_t num_written, size_t num_responses) {
    absl::MutexLock lock(&mu_);
    const auto is_reached = [&] {
      return num_written_ >= num_written && responses_.size() >= num_responses;
    };
    return mu_.AwaitWithTimeout(absl::Condition(&is_reached), kPatience);
  }

  std::vector<v1::StreamResponse> responses() {
    absl::MutexLock lock(&mu_);
    return responses_;
  }
  std::vector<absl::Status> ends() {
    absl::MutexLock lock(&mu_);
    return ends_;
  }

 private:
  absl::Mutex mu_;
  size_t num_written_ = 0;
  std::vector<v1::StreamResponse> responses_;
  std::vector<absl::Status> ends_;
};

// Returns a message that opens a session and steps it twice.
v1::StreamRequest MakeMessage(const std::string& id) {
  v1::StreamRequest message;
  v1::StreamAction* const open = message.add_actions();
  open->set_tag(1);
  open->mutable_open()->set_model("total");
  open->mutable_open()->set_session_id(id);
  for (uint64_t tag : {2, 3}) {
    v1::StreamAction* const step = message.add_actions();
    step->set_tag(tag);
    step->mutable_step()->set_session_id(id);
    step->mutable_step()->mutable_input()->add_shape(1);
    step->mutable_step()->mutable_input()->add_shape(2);
    step->mutable_step()->mutable_input()->add_float_values(1);
    step->mutable_step()->mutable_input()->add_float_values(0);
  }
  return message;
}

class MessageStreamTest : public ::testing::Test {
 protected:
  FakeServer server_;
  const std::unique_ptr<Client> client_ = server_.Connect();
  Recorder recorder_;
};

TEST_F(MessageStreamTest, SendsMessagesUnchanged) {
  const v1::StreamRequest a = MakeMessage("a");
  const v1::StreamRequest b = MakeMessage("b");
  const auto stream = client_->OpenMessageStream(recorder_);

  stream->Write(a);
  ASSERT_TRUE(recorder_.Await(1, 0));
  stream->Write(b);
  ASSERT_TRUE(recorder_.Await(2, 2));

  const std::vector<v1::StreamResponse> responses = recorder_.responses();
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].results_size(), 3);
  EXPECT_EQ(responses[1].results(0).open().session_id(), "b");
  EXPECT_EQ(responses[1].results(2).step().version(), 2u);
}

TEST_F(MessageStreamTest, EndsWithItsSessionsAfterAHalfClose) {
  const v1::StreamRequest message = MakeMessage("a");
  const auto stream = client_->OpenMessageStream(recorder_);
  stream->Write(message);
  ASSERT_TRUE(recorder_.Await(1, 1));

  stream->HalfClose();

  EXPECT_THAT(stream->AwaitEnd(kPatience), IsOk());
  ASSERT_EQ(recorder_.ends().size(), 1u);
  EXPECT_THAT(recorder_.ends()[0], IsOk());
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_F(MessageStreamTest, ReportsWhyItEndedAndWritesNothingAfterwards) {
  const v1::StreamRequest message = MakeMessage("a");
  const auto stream = client_->OpenMessageStream(recorder_);
  server_.EndStreamsAtNextMessage();
  stream->Write(message);

  EXPECT_THAT(stream->AwaitEnd(kPatience), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(recorder_.ends().at(0), StatusIs(absl::StatusCode::kUnavailable));
  stream->Write(message);
  stream->HalfClose();
}

TEST_F(MessageStreamTest, CanBeCancelled) {
  const auto stream = client_->OpenMessageStream(recorder_);
  EXPECT_THAT(stream->AwaitEnd(absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));

  stream->Cancel();

  EXPECT_THAT(stream->AwaitEnd(kPatience), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(MessageStreamTest, EndsBeforeItsDestructorReturns) {
  { const auto stream = client_->OpenMessageStream(recorder_); }

  EXPECT_EQ(recorder_.ends().size(), 1u);
}

TEST_F(MessageStreamTest, MayOutliveItsClientAndHaveAConnectionOfItsOwn) {
  const v1::StreamRequest message = MakeMessage("a");
  Client::Options options;
  options.has_own_connection = true;
  auto client = Client::Connect(server_.address(), options);
  ASSERT_THAT(client, IsOk());
  const auto stream = (*client)->OpenMessageStream(recorder_);
  client->reset();

  stream->Write(message);

  EXPECT_TRUE(recorder_.Await(1, 1));
}

}  // namespace
}  // namespace rnnserve::client
