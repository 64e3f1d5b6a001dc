// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the layers that return their input.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

class IdentityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(IdentityTest, HandsOnInputAndMask) {
  const auto layer = Build(Object(GetParam()), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 2}, {-3, 4}}}, {{1, 0}});

  EXPECT_EQ(run.y(), (Values{{{1, 2}, {-3, 4}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0}}));
  EXPECT_EQ((*layer)->output_shape(), Shape({2}));
  EXPECT_EQ((*layer)->class_name(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, IdentityTest, ::testing::Values("Identity", "ActivityRegularization"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace rnnserve::testing
