// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests AveragePooling1D and MaxPooling1D against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class PoolingKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(PoolingKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, PoolingKerasTest,
    ::testing::Values(
        KerasCase{"Average",
                  Object("AveragePooling1D", {{"pool_size", Json::array({2})},
                                              {"padding", "valid"},
                                              {"strides", Json::array({2})},
                                              {"data_format", "channels_last"}}),
                  {Sequences(2)},
                  {5},
                  {},
                  {{{-0.125f, 0.25f}, {0, 0.375f}}, {{0.875f, -0.125f}, {-0.375f, 0}}}},
        KerasCase{"AverageSame",
                  Object("AveragePooling1D", {{"pool_size", Json::array({3})},
                                              {"padding", "same"},
                                              {"strides", Json::array({2})},
                                              {"data_format", "channels_last"}}),
                  {Sequences(6, {2})},
                  {6},
                  {},
                  {{{0.25f, 0.166666672f}, {-0.0833333358f, -0.166666672f}, {0.125f, -0.875f}},
                   {{0.166666672f, 0.0833333358f}, {-0.166666672f, -0.25f}, {-0.875f, 0.875f}}}},
        KerasCase{"AverageOverlapping",
                  Object("AveragePooling1D", {{"pool_size", Json::array({3})},
                                              {"padding", "same"},
                                              {"strides", Json::array({1})},
                                              {"data_format", "channels_last"}}),
                  {Sequences(4, {2})},
                  {4},
                  {},
                  {{{-0.125f, 0.25f}, {0.25f, 0.166666672f}, {0.0833333358f, 0}, {0, 0.375f}},
                   {{0.125f, -0.875f}, {0.5f, -0.5f}, {0.333333343f, 0.25f}, {0.25f, 0.625f}}}},
        KerasCase{"Maximum",
                  Object("MaxPooling1D", {{"pool_size", Json::array({2})},
                                          {"padding", "valid"},
                                          {"strides", Json::array({2})},
                                          {"data_format", "channels_last"}}),
                  {Sequences(2)},
                  {5},
                  {},
                  {{{0.25f, 1.25f}, {1, 0.75f}}, {{1.25f, 0.25f}, {0, 1}}}},
        KerasCase{"MaximumSame",
                  Object("MaxPooling1D", {{"pool_size", Json::array({4})},
                                          {"padding", "same"},
                                          {"strides", Json::array({3})},
                                          {"data_format", "channels_last"}}),
                  {Sequences(5, {2})},
                  {5},
                  {},
                  {{{1, 1.25f}, {1, 0.75f}}, {{1.25f, 1}, {0.75f, 1}}}},
        KerasCase{"MaximumOverlapping",
                  Object("MaxPooling1D", {{"pool_size", Json::array({3})},
                                          {"padding", "valid"},
                                          {"strides", Json::array({1})},
                                          {"data_format", "channels_last"}}),
                  {Sequences(2)},
                  {5},
                  {},
                  {{{1, 1.25f}, {1, 0.75f}, {1, 0.75f}}, {{1.25f, 1}, {1.25f, 1}, {0.75f, 1}}}}),
    CaseName);

TEST(PoolingTest, RefusesATimeThatNoWindowFitsInto) {
  EXPECT_THAT(Build(Object("MaxPooling1D", {{"pool_size", 4}}), Sequences(3, {2})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("axis 1 of the output would be 0"), "MODEL_CONFIG"));

  const auto layer = Build(Object("MaxPooling1D", {{"pool_size", 4}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());
  EXPECT_FALSE((*layer)->can_stream());
  EXPECT_EQ((*layer)->output_time({3}), 0);
  EXPECT_EQ((*layer)->output_time({9}), 2);
}

TEST(PoolingTest, RefusesOtherOptions) {
  EXPECT_THAT(
      Build(Object("MaxPooling1D", {{"pool_size", 0}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'pool_size' is 0"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("AveragePooling1D", {{"padding", "causal"}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("found causal"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("AveragePooling1D", {{"data_format", "channels_first"}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("channels_first"),
                       "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
