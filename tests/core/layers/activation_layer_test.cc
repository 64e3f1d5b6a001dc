// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the Activation layer. The formulas are tested with the kernels.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

TEST(ActivationLayerTest, AppliesTheActivation) {
  const auto layer = Build(Object("Activation", {{"activation", "relu"}}), Vectors(3));
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{-1, 0, 2}}}).y(), (Values{{{0, 0, 2}}}));
}

TEST(ActivationLayerTest, NormalizesEachTimestepOnItsOwn) {
  const auto layer = Build(Object("Activation", {{"activation", "softmax"}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{3, 3}, {9, 9}}}).y(), (Values{{{0.5f, 0.5f}, {0.5f, 0.5f}}}));
}

TEST(ActivationLayerTest, RefusesAnUnknownActivation) {
  EXPECT_THAT(Build(Object("Activation", {{"activation", "wavy"}}), Vectors(3)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("wavy"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
