// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that rows can join and leave a BatchWorkspace while each keeps its own state, bit for bit.

#include "core/batching/batch_workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "core/session/session_state.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;

class BatchWorkspaceTest : public ::testing::Test {
 protected:
  // Returns a state block of the doubling model: `sum` first, then other values in the rest of the
  // block.
  std::vector<float> Block(float sum) {
    std::vector<float> block(static_cast<size_t>(model_->state_layout().size));
    for (size_t i = 0; i < block.size(); ++i) block[i] = sum + static_cast<float>(i);
    return block;
  }
  std::vector<float> Copy(int64_t row) {
    std::vector<float> block(static_cast<size_t>(model_->state_layout().size));
    workspace_.CopyState(row, absl::MakeSpan(block));
    return block;
  }
  // Returns the sum in the state of each row.
  std::vector<float> Sums() {
    std::vector<float> sums;
    for (int64_t row = 0; row < workspace_.rows(); ++row) sums.push_back(Copy(row)[0]);
    return sums;
  }
  void SetInput(int64_t row, const TensorView& input, const std::optional<TensorView>& mask,
                int64_t t) {
    const StepInput step_input{input, mask};
    workspace_.SetInputs(row, {&step_input, 1}, t);
  }
  void Feed(int64_t row, float x) {
    const OwnedTensor input = OwnedTensor::Floats({1, 1}, {x});
    SetInput(row, input, std::nullopt, 0);
  }

  const ModelPtr model_ = DoublingModel();
  BatchWorkspace workspace_{*model_, 3, BatchWorkspace::kTimestepsAtOnce};
};

TEST_F(BatchWorkspaceTest, CopyStateGivesBackWhatJoinTook) {
  workspace_.Join(Block(10));
  workspace_.Join(Block(20));

  EXPECT_EQ(Copy(0), Block(10));
  EXPECT_EQ(Copy(1), Block(20));
}

TEST_F(BatchWorkspaceTest, TheLastRowMovesIntoTheGap) {
  for (const float sum : {10.0f, 20.0f, 30.0f}) workspace_.Join(Block(sum));

  workspace_.Leave(0);

  EXPECT_EQ(workspace_.rows(), 2);
  EXPECT_EQ(Copy(0), Block(30));
  EXPECT_EQ(Copy(1), Block(20));
}

TEST_F(BatchWorkspaceTest, TheLastRowLeavesWithoutMovingAny) {
  for (const float sum : {10.0f, 20.0f}) workspace_.Join(Block(sum));

  workspace_.Leave(1);

  EXPECT_THAT(Sums(), ElementsAre(10));
}

TEST_F(BatchWorkspaceTest, StepsEveryRow) {
  workspace_.Join(SessionState(*model_).block());
  workspace_.Join(SessionState(*model_).block());
  for (int i = 0; i < 2; ++i) {
    Feed(0, 1);
    Feed(1, 5);
    workspace_.Step(true);
  }

  EXPECT_THAT(Sums(), ElementsAre(3, 15));
  EXPECT_THAT(workspace_.output(0, 0, 0), ElementsAre(3));
  EXPECT_THAT(workspace_.output(1, 0, 0), ElementsAre(15));
}

TEST_F(BatchWorkspaceTest, AMaskedRowKeepsItsState) {
  const OwnedTensor input = OwnedTensor::Floats({2, 1}, {1, 1});
  const TensorView mask_bytes = {DataType::kBool, {2}, absl::string_view("\0\1", 2)};
  workspace_.Join(SessionState(*model_).block());
  workspace_.Join(SessionState(*model_).block());
  for (int64_t t = 0; t < 2; ++t) {
    SetInput(0, input, std::nullopt, t);
    SetInput(1, input, mask_bytes, t);
    workspace_.Step(true);
  }

  EXPECT_THAT(Sums(), ElementsAre(3, 1));
}

TEST_F(BatchWorkspaceTest, SeveralTimestepsAtOnceEqualOneByOne) {
  const OwnedTensor ones = OwnedTensor::Floats({5, 1}, {1, 1, 1, 1, 1});
  const OwnedTensor fives = OwnedTensor::Floats({5, 1}, {0, 5, 5, 5, 0});
  const TensorView mask_bytes = {DataType::kBool, {5}, absl::string_view("\1\1\0\1\1", 5)};
  workspace_.Join(SessionState(*model_).block());
  workspace_.Join(SessionState(*model_).block());

  workspace_.SetTimesteps(3);
  SetInput(0, ones, mask_bytes, 0);
  SetInput(1, fives, std::nullopt, 1);
  workspace_.Step(true);

  const std::vector<float> of_first = {1, 3, 3}, of_second = {5, 15, 35};
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_THAT(workspace_.output(0, 0, i), ElementsAre(of_first[static_cast<size_t>(i)]));
    EXPECT_THAT(workspace_.output(1, 0, i), ElementsAre(of_second[static_cast<size_t>(i)]));
  }
  EXPECT_THAT(Sums(), ElementsAre(3, 35));
}

TEST_F(BatchWorkspaceTest, AllowsManyTimestepsAtOnceWhileThereAreFewRows) {
  BatchWorkspace workspace(*model_, 64, BatchWorkspace::kTimestepsAtOnce);
  std::vector<int64_t> max_timesteps;
  for (int64_t row = 0; row < 10; ++row) {
    workspace.Join(Block(0));
    max_timesteps.push_back(workspace.max_timesteps());
  }

  EXPECT_THAT(max_timesteps, ElementsAre(24, 24, 21, 16, 12, 10, 9, 8, 1, 1));
}

TEST_F(BatchWorkspaceTest, AllowsNoMoreTimestepsThanItWasMadeFor) {
  BatchWorkspace workspace(*model_, 64, 1);
  workspace.Join(Block(0));

  EXPECT_EQ(workspace.max_timesteps(), 1);
}

TEST_F(BatchWorkspaceTest, DetectsAStateThatIsNotFinite) {
  workspace_.Join(SessionState(*model_).block());
  workspace_.Join(SessionState(*model_).block());
  for (int i = 0; i < 2; ++i) {
    Feed(0, 1);
    Feed(1, 3e38f);
    workspace_.Step(false);
  }

  EXPECT_TRUE(workspace_.has_finite_state(0));
  EXPECT_FALSE(workspace_.has_finite_state(1));
}

}  // namespace
}  // namespace rnnserve::testing
