// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the engine with bad states, names, ids, targets and numbers. Each call gets its code, its
// reason and a text with the offending values, and leaves the sessions exactly as they were. Bad
// inputs are in engine_bad_input_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::TestParamInfo;
using ::testing::Values;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A bad state, and the texts that the error must contain. The classifier needs 'h' and 'c' of 3
// units.
struct BadState {
  std::string name;
  std::vector<std::pair<std::string, OwnedTensor>> states;
  std::string reason;
  std::string text;
};

std::string NameOf(const TestParamInfo<BadState>& info) { return info.param.name; }

class BadStateTest : public EngineFixture, public ::testing::WithParamInterface<BadState> {
 protected:
  void SetUp() override {
    OpenAndStep("classifier", "a", input_);
    before_ = Snap("a");
    for (const auto& [name, tensor] : GetParam().states) {
      state_.push_back({"lstm", name, tensor});
    }
  }
  auto IsRefused() {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().text),
                    GetParam().reason);
  }

  const OwnedTensor input_ = OwnedTensor::Floats({1, 2}, {0.5f, 0.25f});
  std::vector<NamedState> state_;
  Snapshot before_;
};

TEST_P(BadStateTest, CannotBeSet) {
  EXPECT_THAT(SetState("a", state_), IsRefused());
  EXPECT_EQ(Snap("a"), before_);
}

TEST_P(BadStateTest, CannotStartAStep) {
  StepCall call = StepOf("a", input_);
  call.initial_state = state_;

  EXPECT_THAT(Step(call), IsRefused());
  EXPECT_EQ(Snap("a"), before_);
}

TEST_P(BadStateTest, CannotBeResetTo) {
  ASSERT_THAT(Open("classifier", "b"), IsOk());
  ResetStateCall ids;
  ids.session_ids = {"b", "a"};
  ids.state = state_;
  ResetStateCall model;
  model.model = "classifier";
  model.state = state_;

  EXPECT_THAT(Reset(ids), IsRefused());
  EXPECT_THAT(Reset(model), IsRefused());
  EXPECT_EQ(Snap("a"), before_);
}

TEST_P(BadStateTest, CannotOpenASession) {
  OpenSessionCall call;
  call.model = "classifier";
  call.session_id = "b";
  call.initial_state = state_;

  EXPECT_THAT(Open(call), IsRefused());
  EXPECT_THAT(GetState("b"), StatusIs(absl::StatusCode::kNotFound));
}

INSTANTIATE_TEST_SUITE_P(
    States, BadStateTest,
    Values(
        BadState{"Missing", {{"h", OwnedTensor::Zeros({3})}}, "STATE_MISSING", "1 of 2"},
        BadState{"Unknown",
                 {{"h", OwnedTensor::Zeros({3})}, {"k", OwnedTensor::Zeros({3})}},
                 "STATE_UNKNOWN",
                 "'k'"},
        BadState{"Twice",
                 {{"h", OwnedTensor::Zeros({3})}, {"h", OwnedTensor::Zeros({3})}},
                 "STATE_TWICE",
                 "'h'"},
        BadState{"Shape",
                 {{"h", OwnedTensor::Zeros({3})}, {"c", OwnedTensor::Zeros({4})}},
                 "STATE_SHAPE",
                 "[4]"},
        BadState{"Rank",
                 {{"h", OwnedTensor::Zeros({1, 3})}, {"c", OwnedTensor::Zeros({3})}},
                 "STATE_SHAPE",
                 "[1, 3]"},
        BadState{"Dtype",
                 {{"h", OwnedTensor::Zeros({3}, DataType::kInt32)}, {"c", OwnedTensor::Zeros({3})}},
                 "STATE_DTYPE",
                 "INT32"},
        BadState{"Length",
                 {{"h", OwnedTensor(DataType::kFloat32, {3}, "")}, {"c", OwnedTensor::Zeros({3})}},
                 "TENSOR_LENGTH",
                 "0 bytes"},
        BadState{"NotFinite",
                 {{"h", OwnedTensor::Zeros({3})}, {"c", OwnedTensor::Floats({3}, {0, kNan, 0})}},
                 "NOT_FINITE",
                 "element 1"}),
    NameOf);

class BadCallTest : public EngineFixture {
 protected:
  OpenSessionCall Opening(const std::string& id) {
    OpenSessionCall call;
    call.model = "doubling";
    call.session_id = id;
    return call;
  }
  ResetStateCall ResetOf(std::vector<std::string> ids) {
    ResetStateCall call;
    call.session_ids = std::move(ids);
    return call;
  }
  const OwnedTensor one_ = OwnedTensor::Floats({1, 1}, {1});
};

TEST_F(BadCallTest, AnUnknownModelIsNotFound) {
  const auto is_not_found =
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model"), "MODEL_NOT_FOUND");
  ResetStateCall reset;
  reset.model = "none";

  EXPECT_THAT(Open("none", ""), is_not_found);
  EXPECT_THAT(Infer(InferOf("none", one_)), is_not_found);
  EXPECT_THAT(Reset(reset), is_not_found);
  EXPECT_THAT(engine_->FindModel("none"), is_not_found);
}

TEST_F(BadCallTest, AnUnknownSessionIsNotFound) {
  const auto is_not_found =
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN");

  EXPECT_THAT(Step("none", {1}), is_not_found);
  EXPECT_THAT(GetState("none"), is_not_found);
  EXPECT_THAT(SetState("none", {}), is_not_found);
  EXPECT_THAT(Close("none"), is_not_found);
}

TEST_F(BadCallTest, ResettingAnUnknownSessionResetsNone) {
  OpenAndStep("doubling", "a", one_);
  OpenAndStep("doubling", "b", one_);

  EXPECT_THAT(Reset(ResetOf({"a", "none", "b"})),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));

  EXPECT_EQ(Sum("a"), 1);
  EXPECT_EQ(Sum("b"), 1);
}

TEST_F(BadCallTest, ResettingSessionsOfOtherModelsToAStateResetsNone) {
  OpenAndStep("doubling", "a", one_);
  ASSERT_THAT(Open("classifier", "b"), IsOk());
  const OwnedTensor five = OwnedTensor::Floats({1}, {5});
  ResetStateCall call = ResetOf({"a", "b"});
  call.state = {{"sum", "h", five}};

  EXPECT_THAT(Reset(call),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'sum'"), "STATE_UNKNOWN"));

  EXPECT_EQ(Sum("a"), 1);
}

TEST_F(BadCallTest, AResetNeedsEitherIdsOrAModel) {
  ResetStateCall both = ResetOf({"a"});
  both.model = "doubling";
  const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("either session_ids or model"), "RESET_TARGET");

  EXPECT_THAT(Reset(both), is_refused);
  EXPECT_THAT(Reset(ResetOf({})), is_refused);
}

TEST_F(BadCallTest, AResetRefusesAnIdGivenTwiceAndTooManyIds) {
  OpenAndStep("doubling", "a", one_);

  EXPECT_THAT(
      Reset(ResetOf({"a", "b", "a"})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("session_ids[2]"), "RESET_TARGET"));
  EXPECT_THAT(Reset(ResetOf(std::vector<std::string>(1025))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("1025"), HasSubstr("1024")), "RESET_TARGET"));
  EXPECT_EQ(Sum("a"), 1);
}

TEST_F(BadCallTest, ASessionIdHasALimitedAlphabetAndLength) {
  EXPECT_THAT(Open(Opening("Az0._:-")), IsOk());
  EXPECT_THAT(Open(Opening(std::string(128, 'x'))), IsOk());

  EXPECT_THAT(Open(Opening("a/b")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("character 1"), "SESSION_ID"));
  EXPECT_THAT(Open(Opening(std::string(129, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("129"), HasSubstr("128")), "SESSION_ID"));
}

TEST_F(BadCallTest, AnIdleTimeoutMustBeInRange) {
  OpenSessionCall call = Opening("a");
  for (const absl::Duration bad : {-absl::Seconds(1), absl::Minutes(6)}) {
    call.idle_timeout = bad;
    EXPECT_THAT(Open(call), StatusIs(absl::StatusCode::kInvalidArgument,
                                     AllOf(HasSubstr(absl::FormatDuration(bad)), HasSubstr("5m")),
                                     "IDLE_TIMEOUT"));
  }
  EXPECT_THAT(*engine_->ListSessions({}, "", 10), IsEmpty());
}

TEST_F(BadCallTest, AnOpenIdAlreadyExists) {
  OpenAndStep("doubling", "a", one_);

  EXPECT_THAT(Open("doubling", "a"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("is open"), "SESSION_EXISTS"));
  EXPECT_EQ(Sum("a"), 1);
}

TEST_F(BadCallTest, AModelThatCannotStreamHasNoSessions) {
  EXPECT_THAT(Open("bidirectional", ""),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("'both'"), HasSubstr("Bidirectional")), "NOT_STREAMABLE"));
}

TEST_F(BadCallTest, AStepWhoseResultIsNotFiniteIsNotCommitted) {
  OpenAndStep("doubling", "a", one_);
  const Snapshot before = Snap("a");

  EXPECT_THAT(Step("a", {1, 3e38f, 3e38f}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("timestep 2 of 3"),
                       "STATE_NONFINITE"));

  EXPECT_EQ(Snap("a"), before);
  EXPECT_THAT(Step("a", {1})->outputs[0].values, ElementsAre(3));
}

TEST_F(BadCallTest, InferStatesNeedTheBatch) {
  const OwnedTensor input = OwnedTensor::Floats({2, 1, 1}, {1, 1});
  const OwnedTensor state = OwnedTensor::Floats({1}, {1});
  InferCall call = InferOf("doubling", input);
  call.initial_state = {{"sum", "h", state}};

  EXPECT_THAT(Infer(call), StatusIs(absl::StatusCode::kInvalidArgument,
                                    AllOf(HasSubstr("[1]"), HasSubstr("[2, 1]")), "STATE_SHAPE"));
}

TEST_F(BadCallTest, InferLimitsTheMemoryOfItsResult) {
  EngineOptions options;
  options.max_infer_bytes = 1000;
  Restart(options);
  const OwnedTensor input = OwnedTensor::Zeros({3, 100, 1});

  EXPECT_THAT(
      Infer(InferOf("doubling", input)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("3 rows of 100 timesteps"), HasSubstr("1000")), "INFER_BYTES"));
}

TEST_F(BadCallTest, InferTakesNoMoreRowsThanTheQueue) {
  EngineOptions options;
  options.max_queued_steps = 2;
  Restart(options);
  const OwnedTensor input = OwnedTensor::Zeros({3, 1, 1});

  EXPECT_THAT(Infer(InferOf("doubling", input)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("3 rows"), HasSubstr("1 to 2")), "BATCH_ROWS"));
}

}  // namespace
}  // namespace rnnserve::testing
