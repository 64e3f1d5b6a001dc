// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests sessions on a real server with plain stubs: which state is kept between calls, and for
// which session.

#include "tests/integration/served_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Not;

class SessionTest : public ServedModelsTest {};

v1::Tensor Value(float value) { return Floats({1, 1}, {value}); }

TEST_F(SessionTest, TheStateSurvivesBetweenCallsAndBelongsToOneSession) {
  ASSERT_TRUE(Open(kSunspots, "survive-a").ok());
  ASSERT_TRUE(Open(kSunspots, "survive-b").ok());

  const std::vector<float> first = StepOutput("survive-a", Value(0.5f));
  const std::vector<float> second = StepOutput("survive-a", Value(0.5f));
  const std::vector<float> other = StepOutput("survive-b", Value(0.5f));

  EXPECT_NE(first, second);
  EXPECT_EQ(first, other);
}

TEST_F(SessionTest, ManySmallStepsEqualOneLargeOneBitForBit) {
  const std::vector<float> series = Series(1, 24);
  ASSERT_TRUE(Open(kSunspots, "cut-one").ok());
  ASSERT_TRUE(Open(kSunspots, "cut-many").ok());

  const std::vector<float> whole = StepOutput("cut-one", Floats({24, 1}, series));
  std::vector<float> pieces;
  for (size_t begin = 0, size = 1; begin < 24; begin += size, size = size % 5 + 1) {
    size = std::min(size, 24 - begin);
    const std::vector<float> piece(series.begin() + static_cast<int64_t>(begin),
                                   series.begin() + static_cast<int64_t>(begin + size));
    const auto output = StepOutput("cut-many", Floats({static_cast<int64_t>(size), 1}, piece));
    pieces.insert(pieces.end(), output.begin(), output.end());
  }

  EXPECT_EQ(whole.size(), 24u);
  EXPECT_EQ(whole, pieces);
  EXPECT_EQ(StateOf("cut-one"), StateOf("cut-many"));
}

TEST_F(SessionTest, ResetStartsOver) {
  ASSERT_TRUE(Open(kSunspots, "reset").ok());
  const std::vector<float> first = StepOutput("reset", Value(0.3f));
  StepOutput("reset", Value(0.9f));
  v1::ResetStateRequest request;
  request.add_session_ids("reset");
  v1::ResetStateResponse response;

  ASSERT_TRUE(stub().ResetState(Context().get(), request, &response).ok());

  EXPECT_EQ(response.num_sessions(), 1u);
  EXPECT_EQ(StepOutput("reset", Value(0.3f)), first);
}

TEST_F(SessionTest, ResetOfAModelReachesAllItsSessionsAndNoOthers) {
  ASSERT_TRUE(Open(kTokens, "model-reset-a").ok());
  ASSERT_TRUE(Open(kTokens, "model-reset-b").ok());
  ASSERT_TRUE(Open(kSunspots, "model-reset-other").ok());
  const std::vector<float> fresh = StateOf("model-reset-a");
  StepOutput("model-reset-a", Ints({2}, {1, 2}));
  StepOutput("model-reset-b", Ints({1}, {1}));
  StepOutput("model-reset-other", Value(0.5f));
  const std::vector<float> other = StateOf("model-reset-other");
  v1::ResetStateRequest request;
  request.set_model(kTokens);
  v1::ResetStateResponse response;

  ASSERT_TRUE(stub().ResetState(Context().get(), request, &response).ok());

  EXPECT_EQ(response.num_sessions(), 2u);
  EXPECT_EQ(StateOf("model-reset-a"), fresh);
  EXPECT_EQ(StateOf("model-reset-b"), fresh);
  EXPECT_EQ(StateOf("model-reset-other"), other);
}

TEST_F(SessionTest, AResetOfSeveralTouchesNoneIfOneIsUnknown) {
  ASSERT_TRUE(Open(kSunspots, "all-or-none").ok());
  StepOutput("all-or-none", Value(0.5f));
  const std::vector<float> before = StateOf("all-or-none");
  v1::ResetStateRequest request;
  request.add_session_ids("all-or-none");
  request.add_session_ids("nobody");
  v1::ResetStateResponse response;

  const grpc::Status status = stub().ResetState(Context().get(), request, &response);

  EXPECT_THAT(status, FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_UNKNOWN"));
  EXPECT_EQ(StateOf("all-or-none"), before);
}

TEST_F(SessionTest, AStateThatWasReadCanBeWrittenToAnotherSession) {
  ASSERT_TRUE(Open(kVowels, "read").ok());
  ASSERT_TRUE(Open(kVowels, "written").ok());
  StepOutput("read", Floats({3, 12}, Series(2, 36)));
  v1::GetStateRequest get;
  get.set_session_id("read");
  v1::GetStateResponse state;
  ASSERT_TRUE(stub().GetState(Context().get(), get, &state).ok());
  v1::SetStateRequest set;
  set.set_session_id("written");
  *set.mutable_state() = state.state();
  v1::SetStateResponse response;

  ASSERT_TRUE(stub().SetState(Context().get(), set, &response).ok());

  EXPECT_EQ(response.version(), 0u);
  EXPECT_EQ(state.version(), 1u);
  const v1::Tensor next = Floats({1, 12}, Series(3, 12));
  EXPECT_EQ(StepOutput("written", next), StepOutput("read", next));
}

TEST_F(SessionTest, AnInitialStateOfAStepReplacesTheStoredOne) {
  ASSERT_TRUE(Open(kVowels, "explicit").ok());
  ASSERT_TRUE(Open(kVowels, "fresh").ok());
  v1::GetStateRequest get;
  get.set_session_id("fresh");
  v1::GetStateResponse zero;
  ASSERT_TRUE(stub().GetState(Context().get(), get, &zero).ok());
  StepOutput("explicit", Floats({2, 12}, Series(2, 24)));
  v1::StepRequest request = StepOf("explicit", Floats({1, 12}, Series(3, 12)));
  *request.mutable_initial_state() = zero.state();
  v1::StepResponse response;

  ASSERT_TRUE(Step(request, &response).ok());

  EXPECT_EQ(Values(response.output()), StepOutput("fresh", Floats({1, 12}, Series(3, 12))));
  EXPECT_EQ(StateOf("explicit"), StateOf("fresh"));
  EXPECT_EQ(response.version(), 2u);
}

TEST_F(SessionTest, AMaskedTimestepLeavesTheStateAsItIs) {
  ASSERT_TRUE(Open(kSunspots, "masked").ok());
  ASSERT_TRUE(Open(kSunspots, "unmasked").ok());
  v1::StepRequest request = StepOf("masked", Floats({3, 1}, {0.1f, 99.0f, 0.2f}));
  *request.mutable_mask() = Bools({3}, {true, false, true});
  v1::StepResponse response;

  ASSERT_TRUE(Step(request, &response).ok());

  const std::vector<float> output = StepOutput("unmasked", Floats({2, 1}, {0.1f, 0.2f}));
  EXPECT_EQ(Values(response.output())[2], output[1]);
  EXPECT_EQ(StateOf("masked"), StateOf("unmasked"));
}

TEST_F(SessionTest, ReturnsTheStateWhenAsked) {
  ASSERT_TRUE(Open(kVowels, "with-state").ok());
  v1::StepRequest request = StepOf("with-state", Floats({1, 12}, Series(4, 12)));
  request.set_return_state(true);
  v1::StepResponse response;

  ASSERT_TRUE(Step(request, &response).ok());

  ASSERT_EQ(response.state_size(), 2);
  EXPECT_EQ(response.state(0).name(), "h");
  EXPECT_EQ(response.state(1).name(), "c");
  std::vector<float> returned = Values(response.state(0).value());
  const std::vector<float> c = Values(response.state(1).value());
  returned.insert(returned.end(), c.begin(), c.end());
  EXPECT_EQ(returned, StateOf("with-state"));
}

TEST_F(SessionTest, TypedRequestsGetTypedReplies) {
  ASSERT_TRUE(Open(kSunspots, "typed").ok());
  v1::Tensor input;
  input.add_shape(1);
  input.add_shape(1);
  input.add_float_values(0.25f);
  v1::StepResponse response;

  ASSERT_TRUE(Step(StepOf("typed", input), &response).ok());

  EXPECT_EQ(response.output().float_values_size(), 1);
  EXPECT_TRUE(response.output().raw().empty());
}

TEST_F(SessionTest, TheServerChoosesAnIdWhenNoneIsGiven) {
  v1::OpenSessionRequest request;
  request.set_model(kSunspots);
  v1::OpenSessionResponse first;
  v1::OpenSessionResponse second;

  ASSERT_TRUE(stub().OpenSession(Context().get(), request, &first).ok());
  ASSERT_TRUE(stub().OpenSession(Context().get(), request, &second).ok());

  EXPECT_EQ(first.session_id().size(), 32u);
  EXPECT_NE(first.session_id(), second.session_id());
  EXPECT_EQ(first.idle_timeout_ms(), 60'000);
}

TEST_F(SessionTest, ListReturnsThePagesInOrder) {
  for (const char* id : {"list-3", "list-1", "list-2"}) ASSERT_TRUE(Open(kTokens, id).ok());
  StepOutput("list-2", Ints({1}, {1}));
  v1::ListSessionsRequest request;
  request.set_model(kTokens);
  request.set_page_size(2);
  std::vector<std::string> ids;

  do {
    v1::ListSessionsResponse page;
    ASSERT_TRUE(stub().ListSessions(Context().get(), request, &page).ok());
    for (const v1::SessionSummary& session : page.sessions()) {
      if (session.session_id().rfind("list-", 0) != 0) continue;
      ids.push_back(session.session_id());
      EXPECT_EQ(session.version(), session.session_id() == "list-2" ? 1u : 0u);
      EXPECT_TRUE(session.detached());
      EXPECT_GT(session.state_bytes(), 0);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());

  EXPECT_THAT(ids, ElementsAre("list-1", "list-2", "list-3"));
}

TEST_F(SessionTest, AClosedSessionIsNotFoundWithItsReason) {
  ASSERT_TRUE(Open(kSunspots, "closed").ok());
  StepOutput("closed", Value(0.5f));
  v1::CloseSessionRequest request;
  request.set_session_id("closed");
  v1::CloseSessionResponse response;

  ASSERT_TRUE(stub().CloseSession(Context().get(), request, &response).ok());

  EXPECT_EQ(response.version(), 1u);
  v1::StepResponse step;
  EXPECT_THAT(Step(StepOf("closed", Value(0.5f)), &step),
              FailsWith(grpc::StatusCode::NOT_FOUND, "SESSION_CLOSED"));
  EXPECT_TRUE(Open(kSunspots, "closed").ok());
}

}  // namespace
}  // namespace rnnserve::testing
