// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests GlobalAveragePooling1D and GlobalMaxPooling1D against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class GlobalPoolingKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(GlobalPoolingKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, GlobalPoolingKerasTest,
    ::testing::Values(KerasCase{"Average",
                                Object("GlobalAveragePooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", false}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{0.25f, 0.166666672f}}, {{-0.25f, -0.333333343f}}}},
                      KerasCase{"AverageOfWhatCounts",
                                Object("GlobalAveragePooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", false}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{0.25f, 0.625f}}, {{0.5f, -0.5f}}},
                                {{{1, 0, 1}, {0, 0, 1}}}},
                      KerasCase{"AverageOfNothing",
                                Object("GlobalAveragePooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", false}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{kNaN, kNaN}}, {{-0.25f, -1.25f}}},
                                {{{0, 0, 0}, {0, 1, 0}}}},
                      KerasCase{"AverageKeepsAxes",
                                Object("GlobalAveragePooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", true}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{0.25f, 0.625f}}, {{0.5f, -0.5f}}},
                                {{{1, 0, 1}, {0, 0, 1}}}},
                      KerasCase{"Maximum",
                                Object("GlobalMaxPooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", false}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{1, 1.25f}}, {{0.5f, 0.75f}}}},
                      KerasCase{"MaximumIgnoresMasks",
                                Object("GlobalMaxPooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", false}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{1, 1.25f}}, {{0.5f, 0.75f}}},
                                {{{1, 0, 1}, {0, 0, 1}}}},
                      KerasCase{"MaximumKeepsAxes",
                                Object("GlobalMaxPooling1D",
                                       {{"data_format", "channels_last"}, {"keepdims", true}}),
                                {Sequences(2)},
                                {3},
                                {},
                                {{{1, 1.25f}}, {{0.5f, 0.75f}}}}),
    CaseName);

TEST(GlobalPoolingTest, StreamsUnlessItKeepsTheTimeAxis) {
  const auto layer = Build(Object("GlobalAveragePooling1D"), Sequences(2));
  const auto kept = Build(Object("GlobalAveragePooling1D", {{"keepdims", true}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());
  ASSERT_THAT(kept, IsOk());

  EXPECT_TRUE((*layer)->can_stream());
  EXPECT_EQ((*layer)->output(), Vectors(2));
  EXPECT_FALSE((*kept)->can_stream());
  EXPECT_EQ((*kept)->output(), Sequences(1, {2}));
}

TEST(GlobalPoolingTest, StartsOverWhenItsStatesAreReplaced) {
  const auto layer = Build(Object("GlobalMaxPooling1D"), Sequences(1));
  ASSERT_THAT(layer, IsOk());
  StateColumns states = RunLayer(**layer, Scalars({{7}})).state_columns();
  EXPECT_EQ(RunLayer(**layer, Scalars({{2}}), {}, states).y(), Scalars({{7}}));

  (*layer)->OnStatesReplaced(states[0].data());

  EXPECT_EQ(RunLayer(**layer, Scalars({{2}}), {}, states).y(), Scalars({{2}}));
}

TEST(GlobalPoolingTest, RefusesOtherInputs) {
  EXPECT_THAT(
      Build(Object("GlobalMaxPooling1D"), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("GlobalMaxPooling1D", {{"data_format", "channels_first"}}), Sequences(2)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("channels_first"),
               "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
