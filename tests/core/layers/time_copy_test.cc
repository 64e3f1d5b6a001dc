// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the layers that copy timesteps against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class TimeCopyKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(TimeCopyKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, TimeCopyKerasTest,
    ::testing::Values(KerasCase{"Cropping",
                                Object("Cropping1D", {{"cropping", Json::array({1, 2})}}),
                                {Sequences(2)},
                                {5},
                                {},
                                {{{0.25f, -0.75f}, {1, 0}}, {{1.25f, 0.25f}, {-0.75f, 1}}}},
                      KerasCase{"CroppingOfOneEnd",
                                Object("Cropping1D", {{"cropping", Json::array({2, 0})}}),
                                {Sequences(5, {2})},
                                {5},
                                {},
                                {{{1, 0}, {-1, 0.75f}, {-0.25f, -1.25f}},
                                 {{-0.75f, 1}, {0, -1}, {0.75f, -0.25f}}}},
                      KerasCase{"Padding",
                                Object("ZeroPadding1D", {{"padding", Json::array({1, 2})},
                                                         {"data_format", "channels_last"}}),
                                {Sequences(2)},
                                {2},
                                {},
                                {{{0, 0}, {-0.5f, 1.25f}, {0.25f, -0.75f}, {0, 0}, {0, 0}},
                                 {{0, 0}, {1, 0}, {-1, 0.75f}, {0, 0}, {0, 0}}}},
                      KerasCase{"PaddingOfBothEnds",
                                Object("ZeroPadding1D", {{"padding", Json::array({1, 1})},
                                                         {"data_format", "channels_last"}}),
                                {Sequences(2, {2})},
                                {2},
                                {},
                                {{{0, 0}, {-0.5f, 1.25f}, {0.25f, -0.75f}, {0, 0}},
                                 {{0, 0}, {1, 0}, {-1, 0.75f}, {0, 0}}}},
                      KerasCase{"UpSampling",
                                Object("UpSampling1D", {{"size", 3}}),
                                {Sequences(2)},
                                {2},
                                {},
                                {{{-0.5f, 1.25f},
                                  {-0.5f, 1.25f},
                                  {-0.5f, 1.25f},
                                  {0.25f, -0.75f},
                                  {0.25f, -0.75f},
                                  {0.25f, -0.75f}},
                                 {{1, 0}, {1, 0}, {1, 0}, {-1, 0.75f}, {-1, 0.75f}, {-1, 0.75f}}}},
                      KerasCase{"RepeatVector",
                                Object("RepeatVector", {{"n", 3}}),
                                {Vectors(2)},
                                {1},
                                {},
                                {{{-0.5f, 1.25f}, {-0.5f, 1.25f}, {-0.5f, 1.25f}},
                                 {{0.25f, -0.75f}, {0.25f, -0.75f}, {0.25f, -0.75f}}}}),
    CaseName);

TEST(TimeCopyTest, RefusesToRemoveAllTimesteps) {
  EXPECT_THAT(Build(Object("Cropping1D", {{"cropping", {1, 2}}}), Sequences(3, {2})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("axis 1 of the output would be 0"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Cropping1D", {{"cropping", {1, -2}}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'cropping' is [1,-2]"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("UpSampling1D", {{"size", 0}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'size' is 0"), "MODEL_CONFIG"));
}

TEST(TimeCopyTest, RefusesOtherNumbersOfAxes) {
  EXPECT_THAT(
      Build(Object("RepeatVector", {{"n", 2}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("expected ndim=2, [batch, features], found ndim=3"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("ZeroPadding1D"), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("ZeroPadding1D", {{"data_format", "channels_first"}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("channels_first"),
                       "OPTION_UNSUPPORTED"));
}

TEST(TimeCopyTest, ChangesTheTimeAndEndsTheMask) {
  const auto layer = Build(Object("Cropping1D"), Sequences(1));
  ASSERT_THAT(layer, IsOk());

  EXPECT_FALSE((*layer)->can_stream());
  EXPECT_EQ((*layer)->output_time({5}), 3);
  EXPECT_LT((*layer)->output_time({2}), 1);
  EXPECT_THAT(RunLayer(**layer, Scalars({{1, 2, 3}}), {{1, 0, 1}}).output_mask(),
              ::testing::IsEmpty());
}

}  // namespace
}  // namespace rnnserve::testing
