// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that TimeDistributed runs its inner layer at every timestep.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Layer>> BuildAround(const Json& inner,
                                                   const ValueSpec& input = Sequences(2)) {
  WeightMap weights;
  weights.Add("layer/kernel", {2, 1}, {1, 10});
  weights.Add("layer/recurrent_kernel", {1, 1}, {1});
  weights.Add("layer/bias", {1}, {0.5f});
  return Build(Object("TimeDistributed", {{"layer", inner}}), input, weights);
}

TEST(TimeDistributedTest, AppliesTheInnerLayerToEveryTimestep) {
  const auto layer = BuildAround(Object("Dense", {{"units", 1}}));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}, {{1, 0}, {1, 1}});

  EXPECT_EQ(run.y(), (Values{{{21.5f}, {43.5f}}, {{65.5f}, {87.5f}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0}, {1, 1}}));
  EXPECT_EQ((*layer)->output_shape(), Shape({1}));
  EXPECT_EQ((*layer)->num_parameters(), 3);
}

// The axes of the inner layer are [batch, features].
TEST(TimeDistributedTest, CountsTheAxesOfTheInnerLayerWithoutTime) {
  EXPECT_THAT(BuildAround(Object("Softmax", {{"axis", 1}})), IsOk());
  EXPECT_THAT(
      BuildAround(Object("Softmax", {{"axis", 2}})),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 2"), "OPTION_UNSUPPORTED"));
}

TEST(TimeDistributedTest, RefusesARecurrentLayerInside) {
  EXPECT_THAT(BuildAround(Object("SimpleRNN", {{"units", 1}})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'layer', layer: the input is incompatible with the layer: "
                                 "expected ndim=3, found ndim=2"),
                       "MODEL_CONFIG"));
}

TEST(TimeDistributedTest, RefusesAnUnknownLayerInside) {
  EXPECT_THAT(BuildAround(Object("Conv2D")),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("Conv2D"), "LAYER_UNSUPPORTED"));
}

TEST(TimeDistributedTest, NeedsATimeAxis) {
  EXPECT_THAT(
      BuildAround(Object("Dense", {{"units", 1}}), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
