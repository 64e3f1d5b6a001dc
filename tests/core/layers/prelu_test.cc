// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests PReLU against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class PreluKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(PreluKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, PreluKerasTest,
    ::testing::Values(KerasCase{"SharedTime",
                                Object("PReLU", {{"shared_axes", Json::array({1})}}),
                                {Sequences(2)},
                                {3},
                                {{"alpha", {1, 2}}},
                                {{{0.1875f, 1.25f}, {0.25f, -0.1875f}, {1, 0}},
                                 {{0.375f, 0.75f}, {0.09375f, -0.3125f}, {0.5f, -0.125f}}}},
                      KerasCase{"SlopesOfTimesteps",
                                Object("PReLU", {{"shared_axes", nullptr}}),
                                {Sequences(3, {2})},
                                {3},
                                {{"alpha", {3, 2}}},
                                {{{0.1875f, 1.25f}, {0.25f, -0.28125f}, {1, 0}},
                                 {{0.375f, 0.75f}, {0.0625f, -0.46875f}, {0.5f, -0.25f}}}},
                      KerasCase{"SharedFeatures",
                                Object("PReLU", {{"shared_axes", Json::array({2})}}),
                                {Sequences(3, {2})},
                                {3},
                                {{"alpha", {3, 1}}},
                                {{{0.1875f, 1.25f}, {0.25f, -0.1875f}, {1, 0}},
                                 {{0.375f, 0.75f}, {-0.0625f, -0.3125f}, {0.5f, 0.125f}}}},
                      KerasCase{"Vector",
                                Object("PReLU", {{"shared_axes", nullptr}}),
                                {Vectors(4)},
                                {1},
                                {{"alpha", {4}}},
                                {{{0.1875f, 1.25f, 0.25f, -0.28125f}}, {{1, 0, 0.25f, 0.75f}}}},
                      KerasCase{"HigherRank",
                                Object("PReLU", {{"shared_axes", Json::array({1, 3})}}),
                                {ValueSpec{Shape{2, 3}, true, std::nullopt}},
                                {2},
                                {{"alpha", {1, 2, 1}}},
                                {{{0.1875f, 1.25f, 0.25f, -0.1875f, 1, 0},
                                  {0.375f, 0.75f, 0.09375f, -0.3125f, 0.5f, -0.125f}},
                                 {{1.25f, 0.25f, 0.28125f, 1, 0, -0.25f},
                                  {0.75f, 0.09375f, 0.46875f, 0.5f, -0.125f, 1.25f}}}}),
    CaseName);

TEST(PreluTest, SlopesForEachTimestepNeedAFixedTime) {
  EXPECT_THAT(Build(Object("PReLU"), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("a slope for every timestep"),
                       "OPTION_UNSUPPORTED"));
  EXPECT_THAT(
      Build(Object("PReLU", {{"shared_axes", {3}}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axes from 1 to 2"), "MODEL_CONFIG"));

  WeightMap weights;
  weights.AddConstant("alpha", {3, 2}, 0.5f);
  const auto layer = Build(Object("PReLU"), Sequences(3, {2}), weights);
  ASSERT_THAT(layer, IsOk());
  EXPECT_FALSE((*layer)->can_stream());
  EXPECT_EQ((*layer)->output_time({4}), 0);
}

}  // namespace
}  // namespace rnnserve::testing
