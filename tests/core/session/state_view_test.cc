// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that StateView changes values in place and never moves the block.

#include "core/session/state_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/session/session_state.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

TEST(StateViewTest, CopiesValuesIntoPlace) {
  const ModelPtr model = ClassifierModel();
  SessionState state(*model);
  const StateView view = state.view();
  const std::vector<float> twos(view.block().size(), 2.0f);
  const float* const place = state.block().data();

  view.CopyFrom(twos);

  EXPECT_EQ(view.block().data(), place);
  EXPECT_EQ(state.block().data(), place);
  EXPECT_THAT(state.block(), Each(2.0f));
}

TEST(StateViewTest, ReadsTheTensorsOfTheModel) {
  const ModelPtr model = ClassifierModel();
  SessionState state(*model);
  state.view().CopyFrom(std::vector<float>(state.block().size(), 3.0f));

  const std::vector<StateValue> tensors = state.view().Tensors(*model);

  ASSERT_THAT(tensors, SizeIs(2));
  EXPECT_EQ(tensors[1].name, "c");
  EXPECT_EQ(tensors[1].shape, Shape({3}));
  EXPECT_THAT(tensors[1].values, Each(3.0f));
}

TEST(StateViewTest, RefusesABlockOfAnotherSize) {
  SessionState state(*ClassifierModel());

  EXPECT_DEATH(state.view().CopyFrom({}), "");
}

}  // namespace
}  // namespace rnnserve::testing
