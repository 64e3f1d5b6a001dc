// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that a SessionState is made from a model or from a client's tensors, and that every wrong
// tensor is refused with its reason and both numbers.

#include "core/session/session_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The model has states 'h' and 'c' of layer 'lstm', with 3 units each.
class SessionStateTest : public ::testing::Test {
 protected:
  static std::vector<float> Values(const SessionState& state, const Model& model, size_t tensor) {
    return state.Tensors(model)[tensor].values;
  }
  NamedState H(const TensorView& value) { return {"lstm", "h", value}; }
  NamedState C(const TensorView& value) { return {"lstm", "c", value}; }

  const ModelPtr model_ = ClassifierModel();
  const OwnedTensor one_ = OwnedTensor::Floats({3}, {1, 2, 3});
  const OwnedTensor two_ = OwnedTensor::Floats({3}, {4, 5, 6});
};

TEST_F(SessionStateTest, BeginsWithTheInitialStateOfTheModel) {
  const SessionState state(*model_);

  EXPECT_THAT(Values(state, *model_, 0), ElementsAre(0, 0, 0));
  EXPECT_EQ(state.bytes(), model_->state_layout().bytes());
}

TEST_F(SessionStateTest, TakesTheTensorsOfAClientInAnyOrder) {
  const auto state = SessionState::FromTensors(*model_, {C(two_), H(one_)});

  ASSERT_THAT(state, IsOk());
  EXPECT_THAT(Values(*state, *model_, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(Values(*state, *model_, 1), ElementsAre(4, 5, 6));
}

TEST_F(SessionStateTest, NamesItsTensors) {
  const std::vector<StateValue> tensors = SessionState(*model_).Tensors(*model_);

  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].layer, "lstm");
  EXPECT_EQ(tensors[0].name, "h");
  EXPECT_EQ(tensors[1].name, "c");
  EXPECT_EQ(tensors[1].shape, Shape({3}));
}

TEST_F(SessionStateTest, TakesOneRowOfABatch) {
  const OwnedTensor batch = OwnedTensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6});

  const auto state = SessionState::FromTensors(*model_, {H(batch), C(batch)}, 2, 1);

  ASSERT_THAT(state, IsOk());
  EXPECT_THAT(Values(*state, *model_, 0), ElementsAre(4, 5, 6));
}

TEST_F(SessionStateTest, ReadsBytesAtAnyAlignment) {
  const std::string shifted = absl::StrCat("x", one_.view().bytes);
  const TensorView unaligned{DataType::kFloat32, {3}, absl::string_view(shifted).substr(1)};

  const auto state = SessionState::FromTensors(*model_, {H(unaligned), C(two_)});

  ASSERT_THAT(state, IsOk());
  EXPECT_THAT(Values(*state, *model_, 0), ElementsAre(1, 2, 3));
}

TEST_F(SessionStateTest, RefusesAMissingState) {
  EXPECT_THAT(
      SessionState::FromTensors(*model_, {H(one_)}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("'c' of layer 'lstm'"), HasSubstr("1 of 2")), "STATE_MISSING"));
}

TEST_F(SessionStateTest, RefusesAnUnknownState) {
  EXPECT_THAT(SessionState::FromTensors(*model_, {H(one_), C(two_), {"lstm", "k", one_}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'k' of layer 'lstm'"),
                       "STATE_UNKNOWN"));
}

TEST_F(SessionStateTest, RefusesAStateThatIsGivenTwice) {
  EXPECT_THAT(SessionState::FromTensors(*model_, {H(one_), H(one_), C(two_)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'h' of layer 'lstm'"),
                       "STATE_TWICE"));
}

TEST_F(SessionStateTest, RefusesAWrongShape) {
  const OwnedTensor four = OwnedTensor::Floats({4}, {1, 2, 3, 4});

  EXPECT_THAT(SessionState::FromTensors(*model_, {H(four), C(two_)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'h'"), HasSubstr("[4]"), HasSubstr("[3]")), "STATE_SHAPE"));
}

TEST_F(SessionStateTest, RefusesAWrongBatch) {
  const OwnedTensor batch = OwnedTensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6});

  EXPECT_THAT(SessionState::FromTensors(*model_, {H(batch), C(batch)}, 5, 4),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("[2, 3]"), HasSubstr("[5, 3]")), "STATE_SHAPE"));
}

TEST_F(SessionStateTest, RefusesAWrongDtype) {
  const OwnedTensor integers = OwnedTensor::Int32s({3}, {1, 2, 3});

  EXPECT_THAT(SessionState::FromTensors(*model_, {H(integers), C(two_)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("INT32"), HasSubstr("FLOAT32")), "STATE_DTYPE"));
}

TEST_F(SessionStateTest, RefusesMissingBytes) {
  const OwnedTensor cut(DataType::kFloat32, {3}, std::string(11, '\0'));

  EXPECT_THAT(SessionState::FromTensors(*model_, {H(cut), C(two_)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("11 bytes"), HasSubstr("12")), "TENSOR_LENGTH"));
}

TEST_F(SessionStateTest, RefusesAValueThatIsNotFinite) {
  const OwnedTensor bad = OwnedTensor::Floats({2, 3}, {1, 2, 3, 4, NAN, 6});
  const OwnedTensor good = OwnedTensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6});

  EXPECT_THAT(SessionState::FromTensors(*model_, {H(good), C(bad)}, 2, 0), IsOk());
  EXPECT_THAT(
      SessionState::FromTensors(*model_, {H(good), C(bad)}, 2, 1),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("'c'"), HasSubstr("row 1"), HasSubstr("element 1")), "NOT_FINITE"));
}

}  // namespace
}  // namespace rnnserve::testing
