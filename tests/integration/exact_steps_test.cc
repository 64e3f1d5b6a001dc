// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests repeated steps, lost replies, writers that take over, and forks, with plain stubs and a
// real server. An undisturbed session gives the expected outputs.

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExactStepsTest : public ServedModelsTest {
 protected:
  static v1::Tensor Value(float value) { return Floats({1, 1}, {value}); }
  static v1::StepRequest StepAt(const std::string& session_id, uint64_t index, float value) {
    v1::StepRequest request = StepOf(session_id, Value(value));
    request.set_step_index(index);
    return request;
  }
  static grpc::Status OpenWithWindow(const std::string& session_id, int reply_window) {
    v1::OpenSessionRequest request;
    request.set_model(kSunspots);
    request.set_session_id(session_id);
    request.set_reply_window(reply_window);
    v1::OpenSessionResponse response;
    return stub().OpenSession(Context().get(), request, &response);
  }
  static v1::AttachSessionResponse Attach(const std::string& session_id) {
    v1::AttachSessionRequest request;
    request.set_session_id(session_id);
    v1::AttachSessionResponse response;
    EXPECT_TRUE(stub().AttachSession(Context().get(), request, &response).ok());
    return response;
  }
  // Returns the outputs of an undisturbed session for these values.
  static std::vector<std::vector<float>> Undisturbed(const std::vector<float>& values) {
    const std::string id = "undisturbed-" + std::to_string(num_undisturbed_++);
    EXPECT_TRUE(Open(kSunspots, id).ok());
    std::vector<std::vector<float>> outputs;
    for (const float value : values) outputs.push_back(StepOutput(id, Value(value)));
    return outputs;
  }

 private:
  static inline int num_undisturbed_ = 0;
};

TEST_F(ExactStepsTest, DuplicatesAndLostRepliesChangeNothing) {
  const std::vector<float> values = Series(3, 300);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(OpenWithWindow("noisy", 1).ok());
  std::mt19937 random(7);

  int num_replayed = 0;
  for (uint64_t index = 0; index < values.size(); ++index) {
    const v1::StepRequest request = StepAt("noisy", index, values[index]);
    v1::StepResponse response;
    // One request in ten is sent twice, and one reply in ten is ignored.
    const int num_sendings = 1 + static_cast<int>(random() % 10 == 0) + (random() % 10 == 0);
    for (int sending = 0; sending < num_sendings; ++sending) {
      ASSERT_TRUE(Step(request, &response).ok());
      EXPECT_EQ(response.replayed(), sending > 0);
      num_replayed += response.replayed() ? 1 : 0;
    }
    ASSERT_EQ(Values(response.output()), expected[index]) << "step " << index;
    ASSERT_EQ(response.version(), index + 1);
  }
  EXPECT_GT(num_replayed, 20);
}

TEST_F(ExactStepsTest, AStreamPipelinesAsManyStepsAsRepliesAreKept) {
  const std::vector<float> values = Series(4, 16);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(OpenWithWindow("pipelined", 16).ok());
  const auto context = Context();
  const auto stream = stub().Stream(context.get());
  v1::StreamRequest request;
  // Send each of them twice in a row, as a proxy that repeats messages would.
  for (uint64_t index = 0; index < values.size(); ++index) {
    for (uint64_t copy = 0; copy < 2; ++copy) {
      v1::StreamAction* const action = request.add_actions();
      action->set_tag(2 * index + copy);
      *action->mutable_step() = StepAt("pipelined", index, values[index]);
    }
  }
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->WritesDone());

  std::vector<v1::StepResponse> answers(2 * values.size());
  v1::StreamResponse response;
  while (stream->Read(&response)) {
    for (const v1::StreamResult& result : response.results()) {
      ASSERT_TRUE(result.has_step()) << result.ShortDebugString();
      answers.at(result.tag()) = result.step();
    }
  }
  ASSERT_TRUE(stream->Finish().ok());

  for (size_t index = 0; index < values.size(); ++index) {
    EXPECT_EQ(Values(answers[2 * index].output()), expected[index]);
    EXPECT_EQ(Values(answers[2 * index + 1].output()), expected[index]);
    EXPECT_FALSE(answers[2 * index].replayed());
    EXPECT_TRUE(answers[2 * index + 1].replayed());
  }
}

TEST_F(ExactStepsTest, ALostStreamContinuesOnAnother) {
  const std::vector<float> values = Series(5, 3);
  const auto expected = Undisturbed(values);
  ASSERT_TRUE(OpenWithWindow("lost", 1).ok());
  {
    const auto context = Context();
    const auto stream = stub().Stream(context.get());
    v1::StreamRequest request;
    *request.add_actions()->mutable_step() = StepAt("lost", 0, values[0]);
    ASSERT_TRUE(stream->Write(request));
    // The client cannot know whether the step was done.
    context->TryCancel();
    stream->Finish();
  }

  std::vector<std::vector<float>> outputs;
  for (uint64_t index = 0; index < values.size(); ++index) {
    v1::StepResponse response;
    ASSERT_TRUE(Step(StepAt("lost", index, values[index]), &response).ok());
    outputs.push_back(Values(response.output()));
  }

  EXPECT_EQ(outputs, expected);
}

TEST_F(ExactStepsTest, AGapNamesTheMissingStep) {
  ASSERT_TRUE(OpenWithWindow("gap", 1).ok());
  v1::StepResponse response;
  ASSERT_TRUE(Step(StepAt("gap", 0, 0.5f), &response).ok());

  const grpc::Status status = Step(StepAt("gap", 2, 0.5f), &response);

  EXPECT_THAT(status, FailsWith(grpc::StatusCode::ABORTED, "STEP_GAP", "1 is the next"));
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("expected_index"), "1");
}

TEST_F(ExactStepsTest, OfTwoWritersTheOlderIsFenced) {
  ASSERT_TRUE(OpenWithWindow("two-writers", 1).ok());
  v1::StepRequest older = StepAt("two-writers", 0, 0.5f);
  older.set_epoch(1);
  v1::StepResponse response;
  ASSERT_TRUE(Step(older, &response).ok());

  const v1::AttachSessionResponse attached = Attach("two-writers");

  EXPECT_EQ(attached.version(), 1u);
  EXPECT_EQ(attached.epoch(), 2u);
  EXPECT_FALSE(attached.model_digest().empty());
  EXPECT_EQ(attached.idle_timeout_ms(), 60'000);
  older.set_step_index(1);
  EXPECT_THAT(Step(older, &response),
              FailsWith(grpc::StatusCode::ABORTED, "STEP_FENCED", "epoch 2"));
  v1::StepRequest newer = StepAt("two-writers", 1, 0.5f);
  newer.set_epoch(2);
  EXPECT_TRUE(Step(newer, &response).ok());
  EXPECT_EQ(response.epoch(), 2u);
}

TEST_F(ExactStepsTest, OneMessageStepsManySessionsOnce) {
  ASSERT_TRUE(OpenWithWindow("many-a", 1).ok());
  ASSERT_TRUE(OpenWithWindow("many-b", 1).ok());
  v1::StepSessionsRequest request;
  request.set_model(kSunspots);
  request.add_session_ids("many-a");
  request.add_session_ids("many-b");
  *request.mutable_input() = Floats({2, 1, 1}, {0.25f, 0.5f});
  request.add_step_indices(0);
  request.add_step_indices(1);
  v1::StepSessionsResponse first;
  v1::StepSessionsResponse again;

  ASSERT_TRUE(stub().StepSessions(Context().get(), request, &first).ok());
  ASSERT_TRUE(stub().StepSessions(Context().get(), request, &again).ok());

  EXPECT_THAT(first.replayed_rows(), ElementsAre());
  ASSERT_EQ(first.errors_size(), 1);
  EXPECT_EQ(first.errors(0).row(), 1);
  EXPECT_EQ(ReasonOf(first.errors(0).error()), "STEP_GAP");
  EXPECT_THAT(again.replayed_rows(), ElementsAre(0));
  EXPECT_EQ(Values(again.output()), Values(first.output()));
  EXPECT_THAT(again.versions(), ElementsAre(1, 0));
}

TEST_F(ExactStepsTest, EachRowOfOneMessageHasItsOwnError) {
  v1::StepSessionsRequest request;
  request.set_model(kSunspots);
  for (const int row : {0, 1, 2, 3, 4, 5}) {
    const std::string id = absl::StrCat("row-", row);
    if (row != 2) {
      ASSERT_TRUE(OpenWithWindow(id, 1).ok());
    }
    request.add_session_ids(id);
    request.add_step_indices(row == 4 ? 0 : 9);
  }
  request.set_step_indices(5, 8);
  *request.mutable_input() = Floats({6, 1, 1}, {0, 0, 0, 0, 0, 0});
  v1::StepSessionsResponse response;

  ASSERT_TRUE(stub().StepSessions(Context().get(), request, &response).ok());

  ASSERT_EQ(response.errors_size(), 5);
  const auto error = [&](int i) { return response.errors(i).error(); };
  for (const int i : {0, 1, 3, 4}) EXPECT_EQ(ReasonOf(error(i)), "STEP_GAP") << i;
  for (const int i : {0, 1, 3}) EXPECT_THAT(error(i).message(), HasSubstr("9")) << i;
  EXPECT_EQ(ReasonOf(error(2)), "SESSION_UNKNOWN");
  EXPECT_EQ(response.errors(3).row(), 3);
  EXPECT_EQ(response.errors(4).row(), 5);
  EXPECT_THAT(error(4).message(), HasSubstr("8"));
}

TEST_F(ExactStepsTest, AThousandForksContinueFromOneState) {
  ASSERT_TRUE(OpenWithWindow("trunk", 1).ok());
  StepOutput("trunk", Value(0.5f));
  v1::ForkSessionRequest request;
  request.set_session_id("trunk");
  request.set_num_forks(1000);
  v1::ForkSessionResponse forks;

  ASSERT_TRUE(stub().ForkSession(Context().get(), request, &forks).ok());

  ASSERT_EQ(forks.session_ids_size(), 1000);
  EXPECT_EQ(forks.version(), 1u);
  const auto expected = StepOutput("trunk", Value(0.25f));
  EXPECT_EQ(StepOutput(forks.session_ids(0), Value(0.25f)), expected);
  EXPECT_EQ(StepOutput(forks.session_ids(999), Value(0.25f)), expected);
  for (const std::string& id : forks.session_ids()) {
    v1::CloseSessionRequest close;
    close.set_session_id(id);
    v1::CloseSessionResponse closed;
    ASSERT_TRUE(stub().CloseSession(Context().get(), close, &closed).ok());
  }
}

TEST_F(ExactStepsTest, ForksOfAStreamEndWithIt) {
  ASSERT_TRUE(OpenWithWindow("stem", 1).ok());
  const auto context = Context();
  const auto stream = stub().Stream(context.get());
  v1::StreamRequest request;
  request.add_actions()->mutable_fork()->set_session_id("stem");
  request.mutable_actions(0)->mutable_fork()->add_fork_ids("twig");
  ASSERT_TRUE(stream->Write(request));
  v1::StreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_THAT(response.results(0).fork().session_ids(), ElementsAre("twig"));
  ASSERT_TRUE(stream->WritesDone());
  while (stream->Read(&response)) {
  }
  ASSERT_TRUE(stream->Finish().ok());

  v1::StepResponse step;
  EXPECT_THAT(Step(StepOf("twig", Value(0.5f)), &step),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_STREAM_ENDED"));
}

TEST_F(ExactStepsTest, AnEvictionIsToldAndAListIsFiltered) {
  ASSERT_TRUE(OpenWithWindow("listed-a", 1).ok());
  ASSERT_TRUE(OpenWithWindow("listed-b", 1).ok());
  v1::EvictSessionRequest evict;
  evict.set_session_id("listed-a");
  v1::EvictSessionResponse evicted;
  ASSERT_TRUE(stub().EvictSession(Context().get(), evict, &evicted).ok());
  v1::ListSessionsRequest list;
  list.set_id_prefix("listed-");
  v1::ListSessionsResponse listed;

  ASSERT_TRUE(stub().ListSessions(Context().get(), list, &listed).ok());

  ASSERT_EQ(listed.sessions_size(), 1);
  EXPECT_EQ(listed.sessions(0).session_id(), "listed-b");
  v1::StepResponse step;
  EXPECT_THAT(Step(StepOf("listed-a", Value(0.5f)), &step),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_EVICTED"));
  list.set_min_idle_ms(-1);
  EXPECT_THAT(stub().ListSessions(Context().get(), list, &listed),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "MIN_IDLE", "-1"));
}

}  // namespace
}  // namespace rnnserve::testing
