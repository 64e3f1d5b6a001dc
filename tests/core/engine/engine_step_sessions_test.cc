// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests Engine::StepSessions: one call steps many sessions, each of which succeeds or fails by
// itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineStepSessionsTest : public EngineFixture {
 protected:
  EngineStepSessionsTest() {
    for (const char* id : {"a", "b", "c"}) Open("doubling", id).IgnoreError();
  }

  static StepSessionsCall CallOf(std::vector<std::string> ids, const OwnedTensor& input) {
    StepSessionsCall call;
    call.model = "doubling";
    call.session_ids = std::move(ids);
    call.inputs = {{"", input, std::nullopt}};
    return call;
  }
  Answer<StepSessionsResult> Start(StepSessionsCall call) {
    Answer<StepSessionsResult> answer;
    engine_->StepSessions(std::move(call), answer.callback());
    return answer;
  }
  absl::StatusOr<StepSessionsResult> StepSessions(StepSessionsCall call) {
    return Start(std::move(call)).Wait();
  }

  const OwnedTensor three_ = OwnedTensor::Floats({3, 1, 1}, {1, 2, 3});
  const OwnedTensor six_ = OwnedTensor::Floats({3, 2, 1}, {1, 2, 3, 4, 5, 6});
};

TEST_F(EngineStepSessionsTest, AdvancesEachSessionByItsOwnRow) {
  Step("b", {10}).IgnoreError();

  const auto result = StepSessions(CallOf({"a", "b", "c"}, six_));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({3, 2, 1}));
  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 4, 23, 50, 5, 16));
  EXPECT_THAT(result->versions, ElementsAre(1, 2, 1));
  EXPECT_THAT(result->errors, IsEmpty());
  EXPECT_EQ(Sum("b"), 50);
}

TEST_F(EngineStepSessionsTest, SharesCellSteps) {
  StepSessions(CallOf({"a", "b", "c"}, three_)).IgnoreError();

  EXPECT_THAT(observer_.Of("doubling").cell_step_rows(), ElementsAre(3));
}

TEST_F(EngineStepSessionsTest, GivesTheLastOutputOfAModelThatDoesNotReturnSequences) {
  ASSERT_THAT(Open("classifier", "x"), IsOk());
  ASSERT_THAT(Open("classifier", "y"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 2, 2}, {1, 2, 3, 4, 1, 2, 3, 4});
  StepSessionsCall call = CallOf({"x", "y"}, input);
  call.model = "classifier";

  const auto result = StepSessions(std::move(call));

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].shape, Shape({2, 2}));
  EXPECT_EQ(result->outputs[0].values[0], result->outputs[0].values[2]);
}

TEST_F(EngineStepSessionsTest, SkipsMaskedTimestepsOfEachRow) {
  const OwnedTensor mask = OwnedTensor::Bools({3, 2}, {1, 1, 0, 1, 1, 0});
  StepSessionsCall call = CallOf({"a", "b", "c"}, six_);
  call.inputs[0].mask = mask;

  const auto result = StepSessions(std::move(call));

  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 4, 0, 4, 5, 5));
}

TEST_F(EngineStepSessionsTest, ASessionThatFailsDoesNotTouchTheOthers) {
  Close("b").IgnoreError();
  ASSERT_THAT(Open("forecaster", "other"), IsOk());

  const auto result = StepSessions(CallOf({"a", "b", "other"}, three_));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 0, 0));
  EXPECT_THAT(result->versions, ElementsAre(1, 0, 0));
  ASSERT_THAT(result->errors, SizeIs(2));
  EXPECT_EQ(result->errors[0].first, 1);
  EXPECT_THAT(result->errors[0].second,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  EXPECT_EQ(result->errors[1].first, 2);
  EXPECT_THAT(result->errors[1].second,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model"), "SESSION_MODEL"));
  EXPECT_EQ(Sum("a"), 1);
}

TEST_F(EngineStepSessionsTest, AResultThatIsNotFiniteFailsItsSessionOnly) {
  SetState("b", {{"sum", "h", OwnedTensor::Floats({1}, {3e38f})}}).IgnoreError();

  const auto result = StepSessions(CallOf({"a", "b", "c"}, three_));

  ASSERT_THAT(result->errors, SizeIs(1));
  EXPECT_THAT(result->errors[0].second, StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 HasSubstr("timestep 0 of 1"), "STATE_NONFINITE"));
  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 0, 3));
  EXPECT_EQ(Sum("b"), 3e38f);
}

TEST_F(EngineStepSessionsTest, WaitsForItsTurnOnABusySession) {
  RecordingObserver& worker = observer_.Of("doubling");
  worker.Hold();
  const OwnedTensor one = OwnedTensor::Floats({1, 1}, {5});
  const auto before = StartStep(StepOf("b", one));
  worker.AwaitStopped();
  const auto together = Start(CallOf({"a", "b", "c"}, three_));
  const auto after = StartStep(StepOf("b", one));
  worker.Release();

  EXPECT_THAT(before.Wait()->outputs[0].values, ElementsAre(5));
  EXPECT_THAT(together.Wait()->outputs[0].values, ElementsAre(1, 12, 3));
  EXPECT_THAT(after.Wait()->outputs[0].values, ElementsAre(29));
}

TEST_F(EngineStepSessionsTest, ASessionIsFreeWhenTheAnswerArrives) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(StepSessions(CallOf({"a", "b", "c"}, three_)), IsOk());
    // If the session were still leased, this would wait in line.
    ASSERT_THAT(SetState("a", {{"sum", "h", OwnedTensor::Floats({1}, {0})}}), IsOk());
  }
  EXPECT_EQ(GetState("a")->version, 100u);
}

TEST_F(EngineStepSessionsTest, RefusesTheCallAsAWhole) {
  const auto before = Snap("a");
  const auto fails = [&](StepSessionsCall call, absl::StatusCode code, const std::string& text,
                         const std::string& reason) {
    EXPECT_THAT(StepSessions(std::move(call)), StatusIs(code, HasSubstr(text), reason));
    EXPECT_EQ(Snap("a"), before);
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  fails(CallOf({}, three_), kInvalid, "0 session_ids, not 1 to 4096", "SESSION_IDS");
  fails(CallOf({"a", "b", "a"}, three_), kInvalid, "session_ids[2] repeats one of", "SESSION_IDS");
  fails(CallOf({"a", "b"}, three_), kInvalid, "input has 3 rows, and there are 2", "BATCH_ROWS");
  fails(CallOf(std::vector<std::string>(4097, "a"), three_), kInvalid, "4097 session_ids",
        "SESSION_IDS");
  const OwnedTensor rank = OwnedTensor::Floats({3, 1}, {1, 2, 3});
  fails(CallOf({"a", "b", "c"}, rank), kInvalid, "", "INPUT_RANK");
  StepSessionsCall unknown = CallOf({"a"}, three_);
  unknown.model = "none";
  fails(unknown, absl::StatusCode::kNotFound, "", "MODEL_NOT_FOUND");
  unknown.model = "bidirectional";
  fails(unknown, absl::StatusCode::kFailedPrecondition, "", "NOT_STREAMABLE");
}

TEST_F(EngineStepSessionsTest, LimitsTheBytesOfItsOutputs) {
  EngineOptions options;
  options.max_infer_bytes = 64;
  Restart(options);

  EXPECT_THAT(
      StepSessions(CallOf({"a", "b", "c"}, three_)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("of at most 64"), "INFER_BYTES"));
}

TEST_F(EngineStepSessionsTest, AFullQueueRefusesTheSessionsAndReturnsThem) {
  EngineOptions options;
  options.max_queued_steps = 2;
  Restart(options);
  for (const char* id : {"a", "b", "c"}) ASSERT_THAT(Open("doubling", id), IsOk());

  const auto result = StepSessions(CallOf({"a", "b", "c"}, three_));

  ASSERT_THAT(result->errors, SizeIs(3));
  EXPECT_THAT(result->errors[0].second,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("3 more"), "QUEUE_LIMIT"));
  EXPECT_THAT(Step("a", {1}), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
