// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests RMSNormalization and UnitNormalization against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

class VectorNormalizationKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(VectorNormalizationKerasTest, ComputesWhatKerasComputes) {
  ExpectWhatKerasComputes(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, VectorNormalizationKerasTest,
    ::testing::Values(
        KerasCase{"Rms",
                  Object("RMSNormalization", {{"axis", Json::array({-1})}, {"epsilon", 1e-06}}),
                  {Sequences(3)},
                  {2},
                  {{"scale", {3}}},
                  {{{0.237170622f, 0.395284355f, -0.0790568739f}, {0.389711082f, 0.346409827f, 0}},
                   {{0.509524167f, 0.254762083f, 0.0849206969f},
                    {0.565333307f, 0.150755554f, 0.150755554f}}}},
        KerasCase{
            "RmsEpsilon",
            Object("RMSNormalization", {{"axis", Json::array({-1})}, {"epsilon", 0.5}}),
            {Vectors(3)},
            {1},
            {{"scale", {3}}},
            {{{0.176776707f, 0.294627845f, -0.0589255691f}}, {{0.278365314f, 0.247435823f, 0}}}},
        KerasCase{"RmsHigherRank",
                  Object("RMSNormalization", {{"axis", Json::array({-1})}, {"epsilon", 1e-06}}),
                  {ValueSpec{Shape{2, 3}, true, std::nullopt}},
                  {2},
                  {{"scale", {3}}},
                  {{{0.237170622f, 0.395284355f, -0.0790568739f, 0.389711082f, 0.346409827f, 0},
                    {0.509524167f, 0.254762083f, 0.0849206969f, 0.565333307f, 0.150755554f,
                     0.150755554f}},
                   {{-0.5489434f, 0.0731924549f, 0.219577372f, -0.459279001f, 0, 0.306185991f},
                    {-0.329366058f, -0.0731924549f, 0.365962267f, -0.226133332f, -0.150755554f,
                     -0.376888871f}}}},
        KerasCase{"Unit",
                  Object("UnitNormalization", {{"axis", -1}}),
                  {Sequences(3)},
                  {2},
                  {},
                  {{{-0.365148365f, 0.912870884f, 0.182574183f}, {-0.600000024f, 0.800000012f, 0}},
                   {{-0.784464538f, 0.588348389f, -0.196116135f},
                    {-0.870388269f, 0.34815532f, -0.34815532f}}}},
        KerasCase{"UnitHigherRank",
                  Object("UnitNormalization", {{"axis", -1}}),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt}},
                  {2},
                  {},
                  {{{-0.371390671f, 0.928476691f, 0.316227764f, -0.948683262f},
                    {1, 0, -0.800000012f, 0.600000024f}},
                   {{-0.196116135f, -0.980580688f, 0.707106769f, -0.707106769f},
                    {0.980580688f, 0.196116135f, -0.600000024f, 0.800000012f}}}}),
    CaseName);

TEST(VectorNormalizationTest, ZerosStayZeros) {
  const auto layer = Build(Object("UnitNormalization"), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{0, 0}, {3, 4}}}, {{0, 1}});

  EXPECT_THAT(run.y(), NearValues({{{0, 0}, {0.6f, 0.8f}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{0, 1}}));
}

TEST(VectorNormalizationTest, TheMaskEndsAtRmsNormalization) {
  WeightMap weights;
  weights.AddConstant("scale", {2}, 1.0f);
  const auto layer = Build(Object("RMSNormalization"), Sequences(2), weights);
  ASSERT_THAT(layer, IsOk());

  EXPECT_THAT(RunLayer(**layer, {{{3, 4}}}, {{0}}).output_mask(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace rnnserve::testing
