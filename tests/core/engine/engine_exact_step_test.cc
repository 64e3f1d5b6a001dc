// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the engine with steps that are sent again, writers that take over, and forks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineExactStepTest : public EngineFixture {
 protected:
  // Steps session "a" of the doubling model by one timestep.
  absl::StatusOr<StepResult> StepAt(uint64_t index, float value,
                                    std::optional<uint64_t> epoch = std::nullopt) {
    const OwnedTensor input = OwnedTensor::Floats({1, 1}, {value});
    StepCall call = StepOf("a", input);
    call.step_index = index;
    call.epoch = epoch;
    return Step(std::move(call));
  }
  void OpenWithWindow(int reply_window) {
    OpenSessionCall call;
    call.model = "doubling";
    call.session_id = "a";
    call.reply_window = reply_window;
    ASSERT_THAT(Open(call), IsOk());
  }
  absl::StatusOr<OpenedSession> Attach(const std::string& id) {
    Answer<OpenedSession> answer;
    engine_->AttachSession(id, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<ForkedSession> Fork(ForkSessionCall call) {
    Answer<ForkedSession> answer;
    engine_->ForkSession(std::move(call), answer.callback());
    return answer.Wait();
  }
  static ForkSessionCall ForksOf(const std::string& id, std::vector<std::string> fork_ids) {
    ForkSessionCall call;
    call.session_id = id;
    call.fork_ids = std::move(fork_ids);
    return call;
  }
};

TEST_F(EngineExactStepTest, AStepThatIsSentAgainIsAnsweredAgainButDoneOnce) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  const auto first = StepAt(0, 3);
  ASSERT_THAT(first, IsOk());

  const auto again = StepAt(0, 3);

  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(first->is_replayed);
  EXPECT_TRUE(again->is_replayed);
  EXPECT_EQ(again->outputs[0].values, first->outputs[0].values);
  EXPECT_EQ(again->outputs[0].shape, first->outputs[0].shape);
  EXPECT_EQ(again->version, 1u);
  EXPECT_EQ(Sum("a"), 3);
}

TEST_F(EngineExactStepTest, AReplayHasTheStatesOfTheFirstReply) {
  OpenWithWindow(2);
  const OwnedTensor input = OwnedTensor::Floats({1, 1}, {3});
  StepCall call = StepOf("a", input);
  call.step_index = 0;
  call.return_state = true;
  ASSERT_THAT(Step(call), IsOk());
  ASSERT_THAT(StepAt(1, 4), IsOk());

  const auto again = Step(call);

  ASSERT_THAT(again, IsOk());
  ASSERT_EQ(again->state.size(), 1u);
  EXPECT_THAT(again->state[0].values, ElementsAre(3));
  EXPECT_EQ(again->version, 1u);
  EXPECT_EQ(Sum("a"), 2 * 3 + 4);
}

TEST_F(EngineExactStepTest, AStepWithOtherContentIsNotARetry) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(StepAt(0, 3), IsOk());

  EXPECT_THAT(StepAt(0, 4),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("step 0"), "STEP_REUSED"));
  EXPECT_EQ(Sum("a"), 3);
}

TEST_F(EngineExactStepTest, AReplyOutsideTheWindowIsGone) {
  OpenWithWindow(2);
  for (uint64_t index = 0; index < 3; ++index) ASSERT_THAT(StepAt(index, 1), IsOk());

  EXPECT_TRUE(StepAt(1, 1)->is_replayed);
  const absl::Status status = StepAt(0, 1).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("step 0 of 3"), "STEP_TOO_OLD"));
  EXPECT_EQ(ErrorNumber(status, "version"), 3u);
  EXPECT_EQ(Sum("a"), 7);
}

TEST_F(EngineExactStepTest, AMissingStepIsNamed) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());

  const absl::Status status = StepAt(2, 1).status();

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted,
                               HasSubstr("step 2 was sent, but 0 is the next"), "STEP_GAP"));
  EXPECT_EQ(ErrorNumber(status, "expected_index"), 0u);
  EXPECT_EQ(Sum("a"), 0);
}

TEST_F(EngineExactStepTest, AStepThatFailedMayBeSentAgain) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(StepAt(0, 3e38f), IsOk());
  ASSERT_THAT(StepAt(1, 3e38f), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("not finite"), "STATE_NONFINITE"));

  ASSERT_THAT(SetState("a", {{"sum", "h", OwnedTensor::Floats({1}, {1})}}), IsOk());
  EXPECT_THAT(StepAt(1, 5), IsOk());
  EXPECT_EQ(Sum("a"), 2 * 1 + 5);
}

TEST_F(EngineExactStepTest, StepsWithAndWithoutAnIndexCountAlike) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(Step("a", {1}), IsOk());
  ASSERT_THAT(StepAt(1, 1), IsOk());

  EXPECT_THAT(StepAt(0, 1),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("not kept"), "STEP_TOO_OLD"));
}

TEST_F(EngineExactStepTest, MoreStepsInFlightThanKeptRepliesAreRefused) {
  OpenWithWindow(2);
  const OwnedTensor input = OwnedTensor::Floats({1, 1}, {1});
  observer_.Of("doubling").Hold();
  std::vector<Answer<StepResult>> answers;
  for (uint64_t index = 0; index < 4; ++index) {
    StepCall call = StepOf("a", input);
    call.step_index = index;
    answers.push_back(StartStep(std::move(call)));
  }
  observer_.Of("doubling").Release();

  EXPECT_THAT(answers[0].Wait(), IsOk());
  EXPECT_THAT(answers[1].Wait(), IsOk());
  EXPECT_THAT(answers[2].Wait(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("2 replies"), "WINDOW_FULL"));
  EXPECT_THAT(answers[3].Wait(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("2 is the next"), "STEP_GAP"));
  EXPECT_THAT(StepAt(2, 1), IsOk());
}

TEST_F(EngineExactStepTest, ACopyOfAStepInFlightGetsItsReply) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({1, 1}, {1});
  observer_.Of("doubling").Hold();
  std::vector<Answer<StepResult>> answers;
  for (int copy = 0; copy < 3; ++copy) {
    StepCall call = StepOf("a", input);
    call.step_index = 0;
    answers.push_back(StartStep(std::move(call)));
  }
  observer_.Of("doubling").Release();

  int num_replayed = 0;
  for (Answer<StepResult>& answer : answers) {
    const auto result = answer.Wait();
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->version, 1u);
    if (result->is_replayed) ++num_replayed;
  }
  EXPECT_EQ(num_replayed, 2);
  EXPECT_EQ(Sum("a"), 1);
}

TEST_F(EngineExactStepTest, AWriterThatTakesOverFencesThePreviousOne) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(StepAt(0, 1, 1), IsOk());

  const auto attached = Attach("a");

  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->session_id, "a");
  EXPECT_EQ(attached->version, 1u);
  EXPECT_EQ(attached->epoch, 2u);
  EXPECT_EQ(attached->idle_timeout, absl::Minutes(5));
  const absl::Status fenced = StepAt(1, 1, 1).status();
  EXPECT_THAT(fenced, StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch 2"), "STEP_FENCED"));
  EXPECT_EQ(ErrorNumber(fenced, "epoch"), 2u);
  EXPECT_THAT(StepAt(1, 1, 2), IsOk());
  EXPECT_EQ(StepAt(1, 1, 2)->epoch, 2u);
  EXPECT_EQ(Sum("a"), 2 * 1 + 1);
}

TEST_F(EngineExactStepTest, AFencedWriterCanNeitherSetStateNorClose) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(Attach("a"), IsOk());
  const OwnedTensor five = OwnedTensor::Floats({1}, {5});
  Answer<uint64_t> set;
  engine_->SetState({"a", {{"sum", "h", five}}, 1}, set.callback());
  Answer<uint64_t> closed;
  engine_->CloseSession({"a", EndReason::kClosed, 1}, closed.callback());

  EXPECT_THAT(set.Wait(), StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "STEP_FENCED"));
  EXPECT_THAT(closed.Wait(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "STEP_FENCED"));
  EXPECT_EQ(Sum("a"), 0);
}

TEST_F(EngineExactStepTest, AnEpochThatThisServerDoesNotKnowIsRefused) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());

  EXPECT_THAT(StepAt(0, 1, 2),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("epoch 2"), "STALE_OWNER"));
}

TEST_F(EngineExactStepTest, AStepIsRefusedIfThereIsNoRoomForItsReply) {
  EngineOptions options;
  options.sessions.max_reply_bytes = 100;
  Restart(options);
  ASSERT_THAT(Open("doubling", "a"), IsOk());

  EXPECT_THAT(StepAt(0, 1), StatusIs(absl::StatusCode::kResourceExhausted,
                                     HasSubstr("of at most 100"), "REPLY_BYTES_LIMIT"));
  EXPECT_EQ(Sum("a"), 0);
  EXPECT_THAT(Step("a", {1}), IsOk());
}

TEST_F(EngineExactStepTest, StepsOfManySessionsAreExactToo) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(Open("doubling", "b"), IsOk());
  ASSERT_THAT(StepAt(0, 1), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 1, 1}, {1, 2});
  StepSessionsCall call;
  call.model = "doubling";
  call.session_ids = {"a", "b"};
  call.inputs = {{"", input, std::nullopt}};
  call.step_indices = {0, 0};
  const auto step = [&] {
    Answer<StepSessionsResult> answer;
    engine_->StepSessions(call, answer.callback());
    return answer.Wait();
  };

  const auto first = step();
  const auto again = step();

  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(first->replayed_rows, ElementsAre(0));
  EXPECT_THAT(first->errors, IsEmpty());
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->replayed_rows, ElementsAre(0, 1));
  EXPECT_EQ(again->outputs[0].values, first->outputs[0].values);
  EXPECT_THAT(again->versions, ElementsAre(1, 1));
  EXPECT_EQ(Sum("a"), 1);
  EXPECT_EQ(Sum("b"), 2);
}

TEST_F(EngineExactStepTest, IndicesOfManySessionsMustBeOneEachOrNone) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({1, 1, 1}, {1});
  StepSessionsCall call;
  call.model = "doubling";
  call.session_ids = {"a"};
  call.inputs = {{"", input, std::nullopt}};
  call.step_indices = {0, 1};
  Answer<StepSessionsResult> answer;
  engine_->StepSessions(call, answer.callback());

  EXPECT_THAT(answer.Wait(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("2 step_indices, and 1 session_ids"), "STEP_INDICES"));
}

TEST_F(EngineExactStepTest, ForksAreIndependent) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(Step("a", {3}), IsOk());

  const auto forked = Fork(ForksOf("a", {"x", "y"}));

  ASSERT_THAT(forked, IsOk());
  EXPECT_THAT(forked->session_ids, ElementsAre("x", "y"));
  EXPECT_EQ(forked->version, 1u);
  EXPECT_EQ(Step("x", {1})->version, 1u);
  ASSERT_THAT(Step("y", {2}), IsOk());
  EXPECT_EQ(Sum("a"), 3);
  EXPECT_EQ(Sum("x"), 2 * 3 + 1);
  EXPECT_EQ(Sum("y"), 2 * 3 + 2);
}

TEST_F(EngineExactStepTest, ManyForksGetRandomIds) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ForkSessionCall call;
  call.session_id = "a";
  call.num_forks = 1000;

  const auto forked = Fork(call);

  ASSERT_THAT(forked, IsOk());
  EXPECT_EQ(forked->session_ids.size(), 1000u);
  EXPECT_EQ(engine_->load("doubling").sessions, 1001);
}

TEST_F(EngineExactStepTest, ForksAreMadeAllOrNone) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ASSERT_THAT(Open("doubling", "y"), IsOk());

  EXPECT_THAT(Fork(ForksOf("a", {"x", "y", "z"})),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("open"), "SESSION_EXISTS"));
  EXPECT_EQ(engine_->load("doubling").sessions, 2);
}

TEST_F(EngineExactStepTest, AForkNeedsEitherIdsOrANumber) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  ForkSessionCall both = ForksOf("a", {"x"});
  both.num_forks = 1;
  ForkSessionCall too_many = ForksOf("a", {});
  too_many.num_forks = 1025;
  const auto is_refused = [](const char* text) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text), "FORK_TARGET");
  };

  EXPECT_THAT(Fork(both), is_refused("either"));
  EXPECT_THAT(Fork(ForksOf("a", {})), is_refused("either"));
  EXPECT_THAT(Fork(too_many), is_refused("there are 1025 forks, not 1 to 1024"));
  EXPECT_THAT(Fork(ForksOf("a", {"x", "x"})), is_refused("fork_ids[1] repeats one of"));
}

TEST_F(EngineExactStepTest, AReplyWindowIsLimited) {
  OpenSessionCall call;
  call.model = "doubling";
  call.reply_window = 17;

  EXPECT_THAT(Open(call), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("17, not 1 to 16"),
                                   "REPLY_WINDOW"));
}

TEST_F(EngineExactStepTest, AnEvictedSessionIsReportedAsEvicted) {
  ASSERT_THAT(Open("doubling", "a"), IsOk());
  Answer<uint64_t> evicted;
  engine_->CloseSession({"a", EndReason::kEvicted, {}}, evicted.callback());
  ASSERT_THAT(evicted.Wait(), IsOk());

  EXPECT_THAT(StepAt(0, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("evicted"), "SESSION_EVICTED"));
}

}  // namespace
}  // namespace rnnserve::testing
