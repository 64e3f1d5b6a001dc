// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Dense with weights small enough to multiply in one's head.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

WeightMap Weights() {
  WeightMap weights;
  weights.Add("kernel", {2, 3}, {1, 2, 3, 4, 5, 6});
  weights.Add("bias", {3}, {0.5f, 0.25f, -100});
  return weights;
}

TEST(DenseTest, MultipliesAndAdds) {
  WeightMap weights = Weights();
  const auto layer = Build(Object("Dense", {{"units", 3}}), Vectors(2), weights);
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{1, 2}}}).y(), (Values{{{9.5f, 12.25f, -85}}}));
  EXPECT_EQ((*layer)->output_shape(), Shape({3}));
  EXPECT_EQ((*layer)->num_parameters(), 9);
}

TEST(DenseTest, AppliesTheActivation) {
  WeightMap weights = Weights();
  const auto layer =
      Build(Object("Dense", {{"units", 3}, {"activation", "relu"}}), Vectors(2), weights);
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{1, 2}}}).y(), (Values{{{9.5f, 12.25f, 0}}}));
}

TEST(DenseTest, NeedsNoBias) {
  WeightMap weights = Weights();
  weights.Remove("bias");
  const auto layer =
      Build(Object("Dense", {{"units", 3}, {"use_bias", false}}), Vectors(2), weights);
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{1, 2}}}).y(), (Values{{{9, 12, 15}}}));
  EXPECT_EQ((*layer)->num_parameters(), 6);
}

TEST(DenseTest, ComputesMaskedTimestepsAndHandsTheMaskOn) {
  WeightMap weights = Weights();
  const auto layer = Build(Object("Dense", {{"units", 3}}), Sequences(2), weights);
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{1, 0}, {0, 1}}}, {{0, 1}});

  EXPECT_EQ(run.y(), (Values{{{1.5f, 2.25f, -97}, {4.5f, 5.25f, -94}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{0, 1}}));
}

TEST(DenseTest, RefusesWeightsOfAnotherShape) {
  WeightMap weights = Weights();

  EXPECT_THAT(Build(Object("Dense", {{"units", 3}}), Vectors(4), weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[4, 3]"), "MODEL_WEIGHTS"));
}

TEST(DenseTest, RefusesZeroUnits) {
  WeightMap weights = Weights();

  EXPECT_THAT(Build(Object("Dense", {{"units", 0}}), Vectors(2), weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("layer 'layer': 'units' is 0"),
                       "MODEL_CONFIG"));
}

TEST(DenseTest, RefusesTimeAsTheLastAxis) {
  WeightMap weights = Weights();

  EXPECT_THAT(
      Build(Object("Dense", {{"units", 3}}), TokenIds(), weights),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer 'layer'"), "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
