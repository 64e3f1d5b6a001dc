// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The layers that do nothing at inference.

#include "core/layers/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class IdentityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(IdentityTest, HandsOnInputAndMask) {
  const auto layer = Build(Object(GetParam(), {{"rate", 0.5}, {"stddev", 0.5}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 2}, {-3, 4}}}, {{1, 0}});

  EXPECT_EQ(run.y(), (Values{{{1, 2}, {-3, 4}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0}}));
  EXPECT_EQ((*layer)->output_shape(), Shape({2}));
  EXPECT_EQ((*layer)->class_name(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, IdentityTest,
                         ::testing::Values("Identity", "Dropout", "SpatialDropout1D",
                                           "GaussianDropout", "GaussianNoise", "AlphaDropout",
                                           "ActivityRegularization"),
                         [](const auto& test) { return test.param; });

TEST(IdentityErrorTest, ARateIsAShare) {
  EXPECT_THAT(Build(Object("Dropout", {{"rate", 1.5}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'layer': rate must be between 0 and 1, found 1.5"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("GaussianNoise", {{"stddev", -1}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("stddev"), "MODEL_CONFIG"));
}

TEST(IdentityErrorTest, SpatialDropoutNeedsATimeAxis) {
  EXPECT_THAT(
      Build(Object("SpatialDropout1D", {{"rate", 0.5}}), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Dropout", {{"rate", 0.5}}), Vectors(2)), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
