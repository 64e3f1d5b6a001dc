// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests sessions of the engine from opening to closing, and their state. Bad inputs are in
// engine_bad_input_test.cc; limits, deadlines and draining are in engine_limits_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineSessionTest : public EngineFixture {
 protected:
  std::vector<std::string> Ids(const std::string& model = "") {
    std::vector<std::string> ids;
    const auto summaries = engine_->ListSessions({model, "", {}}, "", 100);
    for (const auto& summary : *summaries) ids.push_back(summary.id);
    return ids;
  }

  const OwnedTensor five_ = OwnedTensor::Floats({1}, {5});
  const std::vector<NamedState> five_state_ = {{"sum", "h", five_}};
};

TEST_F(EngineSessionTest, ListsItsModelsByName) {
  std::vector<std::string> names;
  for (const NamedModel& model : engine_->models()) names.push_back(model.name);

  EXPECT_THAT(names, ElementsAre("bidirectional", "classifier", "doubling", "dropout", "forecaster",
                                 "normalized", "token"));
  EXPECT_EQ(engine_->models().front().model, *engine_->FindModel("bidirectional"));
}

TEST_F(EngineSessionTest, RefusesATakenOrBadModelName) {
  EXPECT_THAT(engine_->AddModel("token", TokenModel()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("token"), "MODEL_EXISTS"));
  EXPECT_THAT(engine_->AddModel("a b", TokenModel()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("character 1"), "MODEL_NAME"));
}

TEST_F(EngineSessionTest, OpensASession) {
  const auto opened = Open("doubling", "a");

  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->session_id, "a");
  EXPECT_EQ(opened->version, 0u);
  EXPECT_EQ(opened->epoch, 1u);
  EXPECT_EQ(opened->idle_timeout, absl::Minutes(5));
  EXPECT_EQ(opened->model_digest, "test");
}

TEST_F(EngineSessionTest, StepsAdvanceTheStateInOrder) {
  Open("doubling", "a").IgnoreError();

  const auto first = Step("a", {1, 2});
  const auto second = Step("a", {3});

  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(first->outputs[0].values, ElementsAre(1, 4));
  EXPECT_EQ(first->outputs[0].shape, Shape({2, 1}));
  EXPECT_EQ(first->version, 1u);
  EXPECT_THAT(first->state, IsEmpty());
  EXPECT_THAT(second->outputs[0].values, ElementsAre(11));
  EXPECT_EQ(second->version, 2u);
}

TEST_F(EngineSessionTest, PipelinedCallsOnASessionTakeEffectInOrder) {
  Open("doubling", "a").IgnoreError();
  const OwnedTensor one = OwnedTensor::Floats({1, 1}, {1});
  std::vector<Answer<StepResult>> answers;
  for (int i = 0; i < 10; ++i) answers.push_back(StartStep(StepOf("a", one)));
  const auto state = GetState("a");

  EXPECT_EQ(state->state[0].values[0], 1023);
  EXPECT_EQ(state->version, 10u);
  for (const auto& answer : answers) EXPECT_EQ(answer.num_calls(), 1);
}

TEST_F(EngineSessionTest, AStepInsideACallbackOfAStepIsTheNext) {
  Open("doubling", "a").IgnoreError();
  const OwnedTensor one = OwnedTensor::Floats({1, 1}, {1});
  Answer<StepResult> second;
  engine_->Step(StepOf("a", one), [&](const absl::StatusOr<StepResult>&) {
    engine_->Step(StepOf("a", one), second.callback());
  });

  EXPECT_THAT(second.Wait()->outputs[0].values, ElementsAre(3));
}

TEST_F(EngineSessionTest, SessionsOfOneModelAreIndependent) {
  Open("doubling", "a").IgnoreError();
  Open("doubling", "b").IgnoreError();

  Step("a", {7}).IgnoreError();

  EXPECT_THAT(Step("b", {1})->outputs[0].values, ElementsAre(1));
}

TEST_F(EngineSessionTest, ReturnsTheStateIfAsked) {
  Open("doubling", "a").IgnoreError();
  const OwnedTensor input = OwnedTensor::Floats({2, 1}, {1, 2});
  StepCall call = StepOf("a", input);
  call.return_state = true;

  const auto result = Step(call);

  ASSERT_THAT(result->state, SizeIs(1));
  EXPECT_EQ(result->state[0].layer, "sum");
  EXPECT_EQ(result->state[0].name, "h");
  EXPECT_EQ(result->state[0].shape, Shape({1}));
  EXPECT_THAT(result->state[0].values, ElementsAre(4));
}

TEST_F(EngineSessionTest, AGivenInitialStateReplacesTheSessionsOwn) {
  Open("doubling", "a").IgnoreError();
  Step("a", {100}).IgnoreError();
  const OwnedTensor input = OwnedTensor::Floats({1, 1}, {1});
  StepCall call = StepOf("a", input);
  call.initial_state = five_state_;

  EXPECT_THAT(Step(call)->outputs[0].values, ElementsAre(11));
  EXPECT_EQ(Sum("a"), 11);
}

TEST_F(EngineSessionTest, SkipsMaskedTimesteps) {
  Open("doubling", "a").IgnoreError();
  const OwnedTensor input = OwnedTensor::Floats({3, 1}, {1, 2, 3});
  const OwnedTensor mask = OwnedTensor::Bools({3}, {1, 0, 1});
  StepCall call = StepOf("a", input);
  call.inputs[0].mask = mask;

  EXPECT_THAT(Step(call)->outputs[0].values, ElementsAre(1, 1, 5));
}

TEST_F(EngineSessionTest, OpensAtAGivenState) {
  OpenSessionCall call;
  call.model = "doubling";
  call.session_id = "a";
  call.initial_state = five_state_;
  Open(call).IgnoreError();

  EXPECT_THAT(Step("a", {1})->outputs[0].values, ElementsAre(11));
}

TEST_F(EngineSessionTest, GetStateReturnsWhatSetStateSet) {
  Open("doubling", "a").IgnoreError();
  Step("a", {1}).IgnoreError();

  EXPECT_EQ(*SetState("a", five_state_), 1u);

  EXPECT_EQ(Sum("a"), 5);
  EXPECT_EQ(GetState("a")->version, 1u);
  EXPECT_THAT(Step("a", {0})->outputs[0].values, ElementsAre(10));
}

TEST_F(EngineSessionTest, ResetsTheGivenSessions) {
  for (const char* id : {"a", "b", "c"}) {
    Open("doubling", id).IgnoreError();
    Step(id, {1}).IgnoreError();
  }
  ResetStateCall call;
  call.session_ids = {"c", "a"};

  EXPECT_EQ(*Reset(call), 2);

  EXPECT_EQ(Sum("a"), 0);
  EXPECT_EQ(Sum("b"), 1);
  EXPECT_EQ(Sum("c"), 0);
  EXPECT_EQ(GetState("a")->version, 1u);
}

TEST_F(EngineSessionTest, ResetsToAGivenState) {
  Open("doubling", "a").IgnoreError();
  ResetStateCall call;
  call.session_ids = {"a"};
  call.state = five_state_;

  EXPECT_EQ(*Reset(call), 1);

  EXPECT_EQ(Sum("a"), 5);
}

TEST_F(EngineSessionTest, ResetsAllSessionsOfAModel) {
  Open("doubling", "a").IgnoreError();
  Open("doubling", "b").IgnoreError();
  Open("classifier", "c").IgnoreError();
  Step("a", {1}).IgnoreError();
  ResetStateCall call;
  call.model = "doubling";
  call.state = five_state_;

  EXPECT_EQ(*Reset(call), 2);

  EXPECT_EQ(Sum("a"), 5);
  EXPECT_EQ(Sum("b"), 5);
}

TEST_F(EngineSessionTest, ResetsAModelWithoutSessions) {
  ResetStateCall call;
  call.model = "doubling";

  EXPECT_EQ(*Reset(call), 0);
}

TEST_F(EngineSessionTest, ClosingEndsTheSession) {
  Open("doubling", "a").IgnoreError();
  Step("a", {1}).IgnoreError();

  EXPECT_EQ(*Close("a"), 1u);

  EXPECT_THAT(Step("a", {1}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_THAT(observer_.Of("doubling").ended(), ElementsAre(EndReason::kClosed));
  EXPECT_THAT(Open("doubling", "a"), IsOk());
}

TEST_F(EngineSessionTest, ExpiresIdleSessionsButNotBoundOnes) {
  OpenSessionCall call;
  call.model = "doubling";
  call.session_id = "detached";
  call.idle_timeout = absl::Seconds(10);
  EXPECT_EQ(Open(call)->idle_timeout, absl::Seconds(10));
  call.session_id = "bound";
  call.detached = false;
  EXPECT_EQ(Open(call)->idle_timeout, absl::InfiniteDuration());

  clock_.Advance(absl::Seconds(10));
  engine_->ExpireIdleSessions();

  EXPECT_THAT(Ids(), ElementsAre("bound"));
  EXPECT_THAT(Step("detached", {1}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("idle"), "SESSION_EXPIRED"));
}

TEST_F(EngineSessionTest, ListsTheSessionsOfAModel) {
  Open("doubling", "a").IgnoreError();
  Open("classifier", "b").IgnoreError();

  EXPECT_THAT(Ids("classifier"), ElementsAre("b"));
  EXPECT_THAT(Ids(), ElementsAre("a", "b"));
  EXPECT_THAT(engine_->ListSessions({"none", "", {}}, "", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model"), "MODEL_NOT_FOUND"));
}

TEST_F(EngineSessionTest, ReturnsTheLoadOfAModel) {
  Open("doubling", "a").IgnoreError();
  Open("doubling", "b").IgnoreError();

  const ModelLoad load = engine_->load("doubling");

  EXPECT_EQ(load.sessions, 2);
  EXPECT_EQ(load.state_bytes, 2 * DoublingModel()->state_layout().bytes());
  EXPECT_EQ(load.queued_steps, 0);
  EXPECT_EQ(engine_->load("none").sessions, 0);
}

// The outputs and the state must be the same, bit for bit, however the timesteps are split into
// calls.
class EngineChunkTest : public EngineFixture, public ::testing::WithParamInterface<const char*> {};

TEST_P(EngineChunkTest, AnySplitIntoCallsGivesTheSameBits) {
  constexpr int64_t kTime = 6;
  const OwnedTensor input = OwnedTensor::Floats(
      {kTime, 2}, {0.1f, -0.5f, 1.5f, 0.3f, -1, -1, 0.7f, 0.2f, -0.4f, 0.9f, 0.6f, -1.2f});
  const OwnedTensor mask = OwnedTensor::Bools({kTime}, {0, 1, 0, 1, 1, 0});
  std::vector<std::vector<float>> last_outputs;
  std::vector<std::vector<float>> states;
  for (const int64_t chunk : {1, 2, 3, 6}) {
    const std::string id = std::to_string(chunk);
    Open(GetParam(), id).IgnoreError();
    absl::StatusOr<StepResult> result;
    for (int64_t t = 0; t < kTime; t += chunk) {
      StepCall call;
      call.session_id = id;
      const auto begin = static_cast<size_t>(t);
      const auto count = static_cast<size_t>(chunk);
      call.inputs = {
          {"",
           {DataType::kFloat32, {chunk, 2}, input.view().bytes.substr(begin * 8, count * 8)},
           std::nullopt}};
      call.inputs[0].mask =
          TensorView{DataType::kBool, {chunk}, mask.view().bytes.substr(begin, count)};
      call.return_state = true;
      result = Step(call);
      ASSERT_THAT(result, IsOk());
    }
    const StepOutput& output = result->outputs[0];
    last_outputs.push_back(
        {output.values.end() - output.shape[output.shape.rank() - 1], output.values.end()});
    states.push_back(result->state.back().values);
  }

  EXPECT_THAT(last_outputs, ::testing::Each(last_outputs.front()));
  EXPECT_THAT(states, ::testing::Each(states.front()));
}

INSTANTIATE_TEST_SUITE_P(Models, EngineChunkTest, ::testing::Values("classifier", "forecaster"));

}  // namespace
}  // namespace rnnserve::testing
