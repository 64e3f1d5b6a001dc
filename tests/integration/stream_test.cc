// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the Stream call on a real server: many sessions and actions on one stream, their order,
// errors that do not end the stream, and sessions that end with it.

#include <algorithm>
#include <map>

#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using grpc::StatusCode;
using ::testing::UnorderedElementsAre;

using ClientStream = grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>;

class StreamTest : public ServedModelsTest {
 protected:
  StreamTest() : context_(Context()), stream_(stub().Stream(context_.get())) {}

  v1::StreamAction& Add(v1::StreamRequest& request, uint64_t tag) {
    v1::StreamAction& action = *request.add_actions();
    action.set_tag(tag);
    return action;
  }

  void AddOpen(v1::StreamRequest& request, uint64_t tag, const std::string& id,
               bool detached = false) {
    v1::OpenSessionRequest& open = *Add(request, tag).mutable_open();
    open.set_model(kSunspots);
    open.set_session_id(id);
    open.set_detached(detached);
  }

  void AddStep(v1::StreamRequest& request, uint64_t tag, const std::string& id, float value) {
    *Add(request, tag).mutable_step() = StepOf(id, Floats({1, 1}, {value}));
  }

  // Reads until `count` results have come, and returns them by tag.
  std::map<uint64_t, v1::StreamResult> Read(size_t count) {
    std::map<uint64_t, v1::StreamResult> results;
    v1::StreamResponse response;
    while (results.size() < count && stream_->Read(&response)) {
      for (const v1::StreamResult& result : response.results()) {
        EXPECT_TRUE(results.emplace(result.tag(), result).second) << "twice: " << result.tag();
        order_.push_back(result.tag());
      }
    }
    EXPECT_EQ(results.size(), count);
    return results;
  }

  grpc::Status Finish() {
    stream_->WritesDone();
    v1::StreamResponse response;
    while (stream_->Read(&response)) ADD_FAILURE() << "a result too many";
    return stream_->Finish();
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<ClientStream> stream_;
  std::vector<uint64_t> order_;
};

TEST_F(StreamTest, OneMessageOpensAndStepsManySessions) {
  v1::StreamRequest request;
  for (uint64_t i = 0; i < 40; ++i) {
    const std::string id = "many-" + std::to_string(i);
    AddOpen(request, 2 * i, id);
    AddStep(request, 2 * i + 1, id, static_cast<float>(i) / 40);
  }
  ASSERT_TRUE(stream_->Write(request));

  const auto results = Read(80);

  for (uint64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(results.at(2 * i).open().session_id(), "many-" + std::to_string(i));
    EXPECT_EQ(results.at(2 * i + 1).step().version(), 1u);
  }
  EXPECT_NE(Values(results.at(1).step().output()), Values(results.at(79).step().output()));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(StreamTest, ActionsOnOneSessionAreDoneInOrder) {
  v1::StreamRequest request;
  AddOpen(request, 0, "order");
  for (uint64_t i = 1; i <= 50; ++i) AddStep(request, i, "order", 0.5f);
  Add(request, 51).mutable_reset()->add_session_ids("order");
  AddStep(request, 52, "order", 0.5f);
  Add(request, 53).mutable_get_state()->set_session_id("order");
  Add(request, 54).mutable_close()->set_session_id("order");
  AddStep(request, 55, "order", 0.5f);
  ASSERT_TRUE(stream_->Write(request));

  const auto results = Read(56);

  for (uint64_t i = 1; i <= 50; ++i) EXPECT_EQ(results.at(i).step().version(), i);
  EXPECT_EQ(results.at(52).step().version(), 51u);
  EXPECT_EQ(Values(results.at(52).step().output()), Values(results.at(1).step().output()));
  EXPECT_EQ(results.at(53).get_state().version(), 51u);
  EXPECT_EQ(results.at(54).close().version(), 51u);
  EXPECT_EQ(results.at(55).error().code(), static_cast<int>(StatusCode::NOT_FOUND));
  EXPECT_EQ(ReasonOf(results.at(55).error()), "SESSION_CLOSED");
  // Results come as actions finish. Up to the close, they come in order. Actions after the close
  // are refused while the session is closing.
  EXPECT_TRUE(std::is_sorted(order_.begin(), order_.begin() + 54));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(StreamTest, AnErrorAnswersItsActionAndTheStreamContinues) {
  v1::StreamRequest request;
  AddOpen(request, 1, "go-on");
  *Add(request, 2).mutable_step() = StepOf("go-on", Floats({1, 2}, {1.0f, 2.0f}));
  AddStep(request, 3, "go-on", 0.5f);
  ASSERT_TRUE(stream_->Write(request));

  const auto results = Read(3);

  EXPECT_EQ(ReasonOf(results.at(2).error()), "INPUT_SHAPE");
  EXPECT_EQ(results.at(3).step().version(), 1u);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(StreamTest, AMessageWithoutActionsEndsTheStream) {
  ASSERT_TRUE(stream_->Write(v1::StreamRequest()));

  v1::StreamResponse response;
  EXPECT_FALSE(stream_->Read(&response));
  EXPECT_THAT(stream_->Finish(), FailsWith(StatusCode::INVALID_ARGUMENT, "STREAM_ACTIONS", "0"));
}

TEST_F(StreamTest, AnActionWithoutAKindEndsTheStreamAndDoesNothing) {
  v1::StreamRequest request;
  AddOpen(request, 1, "no-kind", /*detached=*/true);
  Add(request, 2);
  ASSERT_TRUE(stream_->Write(request));

  v1::StreamResponse response;
  EXPECT_FALSE(stream_->Read(&response));
  EXPECT_THAT(stream_->Finish(),
              FailsWith(StatusCode::INVALID_ARGUMENT, "STREAM_ACTIONS", "action 1"));
  EXPECT_TRUE(Open(kSunspots, "no-kind").ok());
}

TEST_F(StreamTest, BoundSessionsEndWithTheStreamAndDetachedOnesStay) {
  v1::StreamRequest request;
  AddOpen(request, 1, "bound");
  AddOpen(request, 2, "detached", /*detached=*/true);
  ASSERT_TRUE(stream_->Write(request));
  const auto results = Read(2);
  EXPECT_EQ(results.at(1).open().idle_timeout_ms(), 0);
  EXPECT_EQ(results.at(2).open().idle_timeout_ms(), 60'000);

  ASSERT_TRUE(Finish().ok());

  v1::StepResponse response;
  EXPECT_THAT(Step(StepOf("bound", Floats({1, 1}, {0.5f})), &response),
              FailsWith(StatusCode::NOT_FOUND, "SESSION_STREAM_ENDED"));
  EXPECT_TRUE(Step(StepOf("detached", Floats({1, 1}, {0.5f})), &response).ok());
}

TEST_F(StreamTest, BoundSessionsEndWhenTheClientVanishes) {
  v1::StreamRequest request;
  AddOpen(request, 1, "vanish");
  ASSERT_TRUE(stream_->Write(request));
  Read(1);

  context_->TryCancel();

  EXPECT_EQ(stream_->Finish().error_code(), StatusCode::CANCELLED);
  // The server notices the end of the stream a moment later. Poll for at most 30 s.
  v1::StepResponse response;
  grpc::Status status;
  const auto context = Context();
  do {
    status = Step(StepOf("vanish", Floats({1, 1}, {0.5f})), &response);
  } while (status.ok() && context->deadline() > std::chrono::system_clock::now());
  EXPECT_THAT(status, FailsWith(StatusCode::NOT_FOUND, "SESSION_STREAM_ENDED"));
}

TEST_F(StreamTest, SessionsOfOtherStreamsCanBeStepped) {
  ASSERT_TRUE(Open(kSunspots, "shared").ok());
  v1::StreamRequest request;
  AddStep(request, 1, "shared", 0.5f);
  ASSERT_TRUE(stream_->Write(request));

  EXPECT_EQ(Read(1).at(1).step().version(), 1u);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(StepOutput("shared", Floats({1, 1}, {0.5f})).size(), 1u);
}

TEST_F(StreamTest, ManyMessagesInFlightAllGetTheirResults) {
  v1::StreamRequest open;
  for (uint64_t s = 0; s < 8; ++s) AddOpen(open, s, "flight-" + std::to_string(s));
  ASSERT_TRUE(stream_->Write(open));
  Read(8);
  constexpr uint64_t kMessages = 500;
  for (uint64_t m = 0; m < kMessages; ++m) {
    v1::StreamRequest request;
    for (uint64_t s = 0; s < 8; ++s) {
      AddStep(request, 100 + m * 8 + s, "flight-" + std::to_string(s), 0.01f);
    }
    ASSERT_TRUE(stream_->Write(request));
  }

  const auto results = Read(kMessages * 8);

  for (uint64_t s = 0; s < 8; ++s) {
    EXPECT_EQ(results.at(100 + (kMessages - 1) * 8 + s).step().version(), kMessages);
  }
  EXPECT_TRUE(Finish().ok());
}

TEST_F(StreamTest, OneActionAdvancesManySessions) {
  v1::StreamRequest request;
  v1::StepSessionsRequest& step = *Add(request, 100).mutable_step_sessions();
  step.set_model(kSunspots);
  std::vector<float> values;
  for (int i = 0; i < 40; ++i) {
    const std::string id = "together-" + std::to_string(i);
    ASSERT_TRUE(Open(kSunspots, id).ok());
    step.add_session_ids(id);
    values.push_back(static_cast<float>(i) / 40);
  }
  step.add_session_ids("together-unknown");
  values.push_back(0.0f);
  *step.mutable_input() = Floats({41, 1, 1}, values);
  ASSERT_TRUE(stream_->Write(request));

  const v1::StepSessionsResponse response = Read(1).at(100).step_sessions();

  const std::vector<float> outputs = Values(response.output());
  ASSERT_EQ(outputs.size(), 41u);
  ASSERT_EQ(response.versions_size(), 41);
  for (int i = 0; i < 40; ++i) {
    const std::string alone = "alone-" + std::to_string(i);
    ASSERT_TRUE(Open(kSunspots, alone).ok());
    EXPECT_EQ(StepOutput(alone, Floats({1, 1}, {values[static_cast<size_t>(i)]})),
              std::vector<float>{outputs[static_cast<size_t>(i)]});
    EXPECT_EQ(response.versions(i), 1u);
  }
  ASSERT_EQ(response.errors_size(), 1);
  EXPECT_EQ(response.errors(0).row(), 40);
  EXPECT_EQ(response.errors(0).error().code(), static_cast<int>(StatusCode::NOT_FOUND));
  EXPECT_TRUE(Finish().ok());
}

}  // namespace
}  // namespace rnnserve::testing
