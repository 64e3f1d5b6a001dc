// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests Normalization against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class NormalizationKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(NormalizationKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, NormalizationKerasTest,
    ::testing::Values(
        KerasCase{
            "Adapted",
            Object("Normalization",
                   {{"axis", {-1}}, {"invert", false}, {"mean", nullptr}, {"variance", nullptr}}),
            {Sequences(3)},
            {2},
            {{"mean", {3}}, {"variance", {3}}, {"count", {}}},
            {{{-0.13363062f, 1.1547005f, 0.57735026f}, {-0.40089184f, 0.86602545f, 0.28867513f}},
             {{-0.6681531f, 0.57735026f, 0.0f}, {-0.9354143f, 0.28867513f, -0.28867513f}}}},
        KerasCase{
            "Inverted",
            Object("Normalization", {{"axis", -1}, {"invert", true}}),
            {Vectors(3)},
            {1},
            {{"mean", {3}}, {"variance", {3}}, {"count", {}}},
            {{{-0.84270716f, 1.3325317f, -0.033493653f}}, {{-1.0765607f, 1.1160254f, -0.25f}}}},
        KerasCase{
            "OneForAll",
            Object("Normalization", {{"axis", Json::array()}}),
            {Sequences(3)},
            {2},
            {{"mean", {}}, {"variance", {}}, {"count", {}}},
            {{{-0.13363062f, 1.737198f, 0.6681531f}, {-0.40089184f, 1.4699367f, 0.40089184f}},
             {{-0.6681531f, 1.2026756f, 0.13363062f}, {-0.9354143f, 0.9354143f, -0.13363062f}}}},
        // The last variance is 0, so the smallest allowed deviation is used instead of its root.
        KerasCase{
            "Configured",
            Object("Normalization",
                   {{"axis", {-1}}, {"mean", {0.5, -1.0, 0.25}}, {"variance", {4.0, 0.25, 0.0}}}),
            {Sequences(3)},
            {2},
            {},
            {{{-0.5f, 4.5f, 0.0f}, {-0.625f, 4.0f, -2.5e6f}},
             {{-0.75f, 3.5f, -5e6f}, {-0.875f, 3.0f, -7.5e6f}}}},
        KerasCase{
            "ConfiguredForAll",
            Object("Normalization", {{"axis", Json::array()}, {"mean", 0.5}, {"variance", 2.0}}),
            {Sequences(3)},
            {2},
            {},
            {{{-0.70710677f, 0.5303301f, -0.17677669f}, {-0.8838835f, 0.35355338f, -0.35355338f}},
             {{-1.0606602f, 0.17677669f, -0.5303301f}, {-1.2374369f, 0.0f, -0.70710677f}}}},
        KerasCase{"TwoAxes",
                  Object("Normalization", {{"axis", {3, 2}}}),
                  {Sequences(2, Shape{2, 3})},
                  {2},
                  {{"mean", {2, 3}}, {"variance", {2, 3}}, {"count", {}}},
                  {{{-0.13363062f, 1.1547005f, 0.57735026f, -1.2026756f, 1.4230249f, -0.5f},
                    {-0.6681531f, 0.57735026f, 0.0f, -1.737198f, 0.7905694f, -1.0f}},
                   {{1.737198f, 0.0f, -0.57735026f, 0.6681531f, 0.15811388f, -1.5f},
                    {1.2026756f, -0.57735026f, -1.1547005f, 0.13363062f, -0.47434163f, 0.75f}}}},
        KerasCase{
            "MiddleAxis",
            Object("Normalization", {{"axis", {2}}}),
            {Sequences(2, Shape{2, 3})},
            {2},
            {{"mean", {2}}, {"variance", {2}}, {"count", {}}},
            {{{-0.13363062f, 1.737198f, 0.6681531f, -1.1547005f, 0.86602545f, -0.28867513f},
              {-0.6681531f, 1.2026756f, 0.13363062f, -1.7320509f, 0.28867513f, -0.86602545f}},
             {{1.737198f, 0.6681531f, -0.40089184f, 0.86602545f, -0.28867513f, -1.4433757f},
              {1.2026756f, 0.13363062f, -0.9354143f, 0.28867513f, -0.86602545f, 1.1547005f}}}},
        KerasCase{
            "ConfiguredAndBroadcast",
            Object("Normalization",
                   {{"axis", {2, 3}}, {"mean", {{0.5}, {-0.25}}}, {"variance", {{1.0}, {4.0}}}}),
            {Sequences(2, Shape{2, 3})},
            {2},
            {},
            {{{-1.0f, 0.75f, -0.25f, -0.25f, 0.625f, 0.125f},
              {-1.5f, 0.25f, -0.75f, -0.5f, 0.375f, -0.125f}},
             {{0.75f, -0.25f, -1.25f, 0.625f, 0.125f, -0.375f},
              {0.25f, -0.75f, -1.75f, 0.375f, -0.125f, 0.75f}}}}),
    CaseName);

TEST(NormalizationTest, HandsTheMaskOn) {
  const auto layer = Build(
      Object("Normalization", {{"axis", nullptr}, {"mean", 0}, {"variance", 1}}), Sequences(1));
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, Scalars({{1, 2}}), {{1, 0}}).output_mask(), (MaskBits{{1, 0}}));
}

TEST(NormalizationTest, RefusesTime) {
  const auto refused = [](const Json& axis, const ValueSpec& input) {
    return Build(Object("Normalization", {{"axis", axis}, {"mean", 0}, {"variance", 1}}), input);
  };

  for (const Json& axis : {Json(1), Json({1, 2}), Json(-2)}) {
    EXPECT_THAT(refused(axis, Sequences(2)),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 1 is time"),
                         "OPTION_UNSUPPORTED"))
        << axis;
  }
  EXPECT_THAT(refused(-1, TokenIds()), StatusIs(absl::StatusCode::kUnimplemented,
                                                HasSubstr("axis 1 is time"), "OPTION_UNSUPPORTED"));
}

TEST(NormalizationTest, RefusesOptionsThatMakeNoSense) {
  const auto expect_error = [](Json config, const std::string& text) {
    EXPECT_THAT(Build(Object("Normalization", config), Sequences(2)),
                StatusIs(kInvalid, HasSubstr(text), "MODEL_CONFIG"))
        << config;
  };

  expect_error({{"axis", "last"}}, "'axis' is not a list of whole numbers");
  expect_error({{"axis", {2, -1}}}, "'axis' has an axis twice");
  expect_error({{"axis", 0}}, "axis 0");
  expect_error({{"invert", 1}}, "'invert'");
  expect_error({{"mean", 1}}, "'variance' is null");
  expect_error({{"mean", 1}, {"variance", {1, 1}}}, "must have the same shape");
  expect_error({{"mean", {1, 2, 3}}, {"variance", {1, 1, 1}}}, "'mean' is [1,2,3]");
  expect_error({{"mean", {{1, 2}}}, {"variance", {{1, 1}}}}, "'mean' is [[1,2]]");
  expect_error({{"mean", {"a", 2}}, {"variance", {1, 1}}}, "'mean' is");
  expect_error({{"mean", 1}, {"variance", -4}}, "negative, found -4");
}

TEST(NormalizationTest, RefusesAWeightOfAnotherShape) {
  WeightMap weights;
  weights.AddConstant("mean", {3}, 1.0f);

  EXPECT_THAT(Build(Object("Normalization"), Sequences(2), weights),
              StatusIs(kInvalid, HasSubstr("mean"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing
