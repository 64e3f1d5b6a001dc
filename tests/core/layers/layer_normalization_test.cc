// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests LayerNormalization with the values 1, 2, 3, 4, whose mean is 2.5 and whose variance is
// 1.25.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Layer> Normalization(const Json& config) {
  WeightMap weights;
  weights.AddConstant("gamma", {4}, 2.0f);
  weights.AddConstant("beta", {4}, 10.0f);
  auto layer = Build(Object("LayerNormalization", config), Sequences(4), weights);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

const Values kX = {{{1, 2, 3, 4}}};

TEST(LayerNormalizationTest, ScalesAndCenters) {
  const auto layer = Normalization({{"axis", {-1}}});

  EXPECT_THAT(RunLayer(*layer, kX).y(),
              NearValues({{{7.3177912f, 9.1059304f, 10.8940696f, 12.6822088f}}}));
  EXPECT_EQ(layer->num_parameters(), 8);
}

TEST(LayerNormalizationTest, WorksWithoutScaleAndCenter) {
  const auto layer = Normalization({{"scale", false}, {"center", false}});

  EXPECT_THAT(RunLayer(*layer, kX).y(),
              NearValues({{{-1.3411044f, -0.4470348f, 0.4470348f, 1.3411044f}}}));
  EXPECT_EQ(layer->num_parameters(), 0);
}

TEST(LayerNormalizationTest, AddsEpsilonToTheVariance) {
  const auto layer = Normalization({{"scale", false}, {"center", false}, {"epsilon", 0}});

  EXPECT_THAT(RunLayer(*layer, kX).y(),
              NearValues({{{-1.3416408f, -0.4472136f, 0.4472136f, 1.3416408f}}}));
}

// With this legacy option, the mean is not subtracted, there is no beta, and there is always a
// gamma, whatever `scale` says.
TEST(LayerNormalizationTest, RmsScalingKeepsTheMean) {
  const auto layer = Normalization({{"rms_scaling", true}, {"scale", false}});

  EXPECT_THAT(RunLayer(*layer, kX).y(),
              NearValues({{{1.7881392f, 3.5762784f, 5.3644176f, 7.1525568f}}}));
  EXPECT_EQ(layer->num_parameters(), 4);
}

TEST(LayerNormalizationTest, KeepsSmallDifferencesOfLargeValues) {
  const auto layer = Normalization({{"scale", false}, {"center", false}, {"epsilon", 0}});

  EXPECT_THAT(RunLayer(*layer, {{{10001, 10002, 10003, 10004}}}).y(),
              NearValues({{{-1.3416408f, -0.4472136f, 0.4472136f, 1.3416408f}}}));
}

TEST(LayerNormalizationTest, RefusesAnotherAxis) {
  EXPECT_THAT(Build(Object("LayerNormalization", {{"axis", {1}}}), Sequences(4)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer 'layer': axis [1]"),
                       "OPTION_UNSUPPORTED"));
}

TEST(LayerNormalizationTest, RefusesANegativeEpsilon) {
  EXPECT_THAT(Build(Object("LayerNormalization", {{"epsilon", -1}}), Sequences(4)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("found -1"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
