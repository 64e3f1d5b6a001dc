// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Conv1D, DepthwiseConv1D and SeparableConv1D against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

// Returns what Keras writes for a convolution with these options and the defaults for all others.
Json Convolution(const std::string& class_name, const Json& options) {
  Json config = {{"strides", Json::array({1})},    {"padding", "valid"},
                 {"data_format", "channels_last"}, {"dilation_rate", Json::array({1})},
                 {"activation", "linear"},         {"use_bias", true}};
  if (class_name == "Conv1D") config["groups"] = 1;
  config.update(options);
  return Object(class_name, config);
}

class Conv1dKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(Conv1dKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, Conv1dKerasTest,
    ::testing::Values(
        KerasCase{"Valid",
                  Convolution("Conv1D", {{"filters", 3}, {"kernel_size", Json::array({2})}}),
                  {Sequences(2)},
                  {4},
                  {{"kernel", {2, 2, 3}}, {"bias", {3}}},
                  {{{0.5625f, -0.34375f, 0.71875f},
                    {-0.75f, -0.09375f, -0.5625f},
                    {-1.03125f, 1.1875f, -0.8125f}},
                   {{-0.5625f, -0.03125f, -0.625f},
                    {-0.84375f, -0.125f, -0.53125f},
                    {-1.125f, 1.15625f, -0.78125f}}}},
        KerasCase{"Same",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({4})},
                                         {"padding", "same"},
                                         {"activation", "tanh"}}),
                  {Sequences(2)},
                  {4},
                  {{"kernel", {4, 2, 2}}, {"bias", {2}}},
                  {{{-0.0934763029f, -0.575862408f},
                    {-0.385284007f, 0.687790215f},
                    {-0.330821097f, 0.616134465f},
                    {-0.554599702f, -0.3583574f}},
                   {{0.185333207f, 0.486335993f},
                    {0.385284007f, -0.215326354f},
                    {-0.411570042f, 0.616134465f},
                    {-0.670967102f, -0.215326354f}}}},
        KerasCase{"SameStrides",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({3})},
                                         {"strides", Json::array({2})},
                                         {"padding", "same"}}),
                  {Sequences(6, {2})},
                  {6},
                  {{"kernel", {3, 2, 2}}, {"bias", {2}}},
                  {{{-0.40625f, 0.71875f}, {-0.96875f, 0.03125f}, {-0.03125f, 0.21875f}},
                   {{-1.0625f, 0.03125f}, {-0.25f, 0.71875f}, {0.03125f, -0.75f}}}},
        KerasCase{"Strides",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({2})},
                                         {"strides", Json::array({2})},
                                         {"use_bias", false}}),
                  {Sequences(5, {2})},
                  {5},
                  {{"kernel", {2, 2, 2}}},
                  {{{-0.15625f, 0.84375f}, {-0.25f, -0.625f}},
                   {{-0.21875f, 0.4375f}, {0.03125f, 0.6875f}}}},
        KerasCase{"Dilation",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({2})},
                                         {"dilation_rate", Json::array({2})}}),
                  {Sequences(4, {2})},
                  {4},
                  {{"kernel", {2, 2, 2}}, {"bias", {2}}},
                  {{{-0.625f, 1.09375f}, {-0.15625f, -0.84375f}},
                   {{-0.125f, 0.21875f}, {-0.34375f, -0.6875f}}}},
        KerasCase{
            "SameDilation",
            Convolution("Conv1D", {{"filters", 2},
                                   {"kernel_size", Json::array({3})},
                                   {"padding", "same"},
                                   {"dilation_rate", Json::array({2})}}),
            {Sequences(4, {2})},
            {4},
            {{"kernel", {3, 2, 2}}, {"bias", {2}}},
            {{{-0.1875f, -1}, {-0.34375f, 0.9375f}, {-0.625f, 1.09375f}, {-0.15625f, -0.84375f}},
             {{-0.125f, 0.21875f},
              {-0.28125f, 0.78125f},
              {-0.125f, 0.21875f},
              {-0.34375f, -0.6875f}}}},
        KerasCase{
            "Causal",
            Convolution("Conv1D",
                        {{"filters", 2}, {"kernel_size", Json::array({3})}, {"padding", "causal"}}),
            {Sequences(2)},
            {5},
            {{"kernel", {3, 2, 2}}, {"bias", {2}}},
            {{{-0.125f, 0.125f},
              {-0.46875f, -0.53125f},
              {-0.40625f, 0.71875f},
              {-0.34375f, 0.71875f},
              {-0.96875f, 0.03125f}},
             {{-0.4375f, 0.1875f},
              {-0.21875f, 0.21875f},
              {-0.4375f, 0.71875f},
              {-1.0625f, 0.03125f},
              {-0.3125f, 0.71875f}}}},
        KerasCase{"CausalDilation",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({2})},
                                         {"padding", "causal"},
                                         {"dilation_rate", Json::array({3})}}),
                  {Sequences(2)},
                  {5},
                  {{"kernel", {2, 2, 2}}, {"bias", {2}}},
                  {{{-0.3125f, -0.625f},
                    {-0.40625f, 0.75f},
                    {-0.5f, 0.75f},
                    {-0.375f, -0.28125f},
                    {-0.25f, 0.53125f}},
                   {{-0.4375f, 0.75f},
                    {-0.53125f, 0.75f},
                    {-0.28125f, -0.625f},
                    {-0.4375f, 0.6875f},
                    {-1, 1.15625f}}}},
        KerasCase{"CausalStrides",
                  Convolution("Conv1D", {{"filters", 2},
                                         {"kernel_size", Json::array({3})},
                                         {"strides", Json::array({2})},
                                         {"padding", "causal"}}),
                  {Sequences(2)},
                  {5},
                  {{"kernel", {3, 2, 2}}, {"bias", {2}}},
                  {{{-0.125f, 0.125f}, {-0.40625f, 0.71875f}, {-0.96875f, 0.03125f}},
                   {{-0.4375f, 0.1875f}, {-0.4375f, 0.71875f}, {-0.3125f, 0.71875f}}}},
        KerasCase{"Groups",
                  Convolution("Conv1D",
                              {{"filters", 4}, {"kernel_size", Json::array({2})}, {"groups", 2}}),
                  {Sequences(3, {4})},
                  {3},
                  {{"kernel", {2, 2, 4}}, {"bias", {4}}},
                  {{{-0.21875f, 0.375f, -0.1875f, 1.09375f}, {-1.25f, 0.75f, -0.125f, -0.5f}},
                   {{-1.25f, 0.8125f, 0, -0.59375f}, {-0.21875f, 0.15625f, 0.0625f, 0.90625f}}}},
        KerasCase{"OneStep",
                  Convolution("Conv1D", {{"filters", 3},
                                         {"kernel_size", Json::array({1})},
                                         {"activation", "softmax"}}),
                  {Sequences(2)},
                  {3},
                  {{"kernel", {1, 2, 3}}, {"bias", {3}}},
                  {{{0.336006165f, 0.245827362f, 0.418166459f},
                    {0.190749124f, 0.606199443f, 0.203051403f},
                    {0.173179105f, 0.604454517f, 0.222366408f}},
                   {{0.358992368f, 0.246731624f, 0.394276023f},
                    {0.203051403f, 0.606199443f, 0.190749124f},
                    {0.184773818f, 0.605850041f, 0.209376186f}}}},
        KerasCase{"Depthwise",
                  Convolution("DepthwiseConv1D",
                              {{"depth_multiplier", 2}, {"kernel_size", Json::array({2})}}),
                  {Sequences(3, {3})},
                  {3},
                  {{"kernel", {2, 3, 2}}, {"bias", {6}}},
                  {{{-0.1875f, 0.5f, -0.4375f, 0.46875f, -0.15625f, 0.625f},
                    {-0.09375f, 0.5625f, -0.40625f, 0.46875f, -0.1875f, 0.5625f}},
                   {{0.09375f, -0.6875f, -0.34375f, 0.46875f, -0.25f, 0.4375f},
                    {-0.84375f, 0.0625f, -0.3125f, 0.46875f, -0.28125f, 0.375f}}}},
        KerasCase{"DepthwiseSame",
                  Convolution("DepthwiseConv1D", {{"depth_multiplier", 1},
                                                  {"kernel_size", Json::array({3})},
                                                  {"padding", "same"}}),
                  {Sequences(3, {3})},
                  {3},
                  {{"kernel", {3, 3, 1}}, {"bias", {3}}},
                  {{{-0.5625f, -0.40625f, -0.125f},
                    {-0.46875f, 0.0625f, -0.34375f},
                    {-0.46875f, 0.40625f, -0.375f}},
                   {{-0.84375f, 0.0625f, -0.59375f},
                    {0.5625f, 0.34375f, -0.625f},
                    {-0.46875f, 0.3125f, -0.5625f}}}},
        KerasCase{"Separable",
                  Convolution("SeparableConv1D", {{"depth_multiplier", 2},
                                                  {"filters", 2},
                                                  {"kernel_size", Json::array({2})}}),
                  {Sequences(3, {3})},
                  {3},
                  {{"depthwise_kernel", {2, 3, 2}}, {"pointwise_kernel", {1, 6, 2}}, {"bias", {2}}},
                  {{{-0.45703125f, 0.23046875f}, {-0.53125f, 0.3203125f}},
                   {{-0.3359375f, -0.015625f}, {-0.1953125f, 0.07421875f}}}},
        KerasCase{"SeparableSame",
                  Convolution("SeparableConv1D", {{"depth_multiplier", 1},
                                                  {"filters", 2},
                                                  {"kernel_size", Json::array({3})},
                                                  {"padding", "same"}}),
                  {Sequences(2)},
                  {4},
                  {{"depthwise_kernel", {3, 2, 1}}, {"pointwise_kernel", {1, 2, 2}}, {"bias", {2}}},
                  {{{-0.43359375f, 0.30859375f},
                    {-0.3828125f, 0.26171875f},
                    {-0.33984375f, 0.265625f},
                    {-0.3984375f, 0.32421875f}},
                   {{-0.1953125f, -0.01953125f},
                    {-0.2109375f, 0.0625f},
                    {-0.33984375f, 0.32421875f},
                    {-0.37890625f, 0.34375f}}}}),
    CaseName);

TEST(Conv1dTest, StreamsIfItOnlyLooksBack) {
  const auto streams = [](Json config) {
    config.update({{"filters", 2}, {"use_bias", false}});
    WeightMap weights;
    AddPatternWeight("kernel", {config["kernel_size"].get<int64_t>(), 2, 2}, &weights);
    const auto layer = Build(Object("Conv1D", config), Sequences(2), weights);
    EXPECT_THAT(layer, IsOk());
    return (*layer)->can_stream();
  };

  EXPECT_TRUE(streams({{"kernel_size", 3}, {"padding", "causal"}, {"dilation_rate", 2}}));
  EXPECT_TRUE(streams({{"kernel_size", 1}}));
  EXPECT_FALSE(streams({{"kernel_size", 1}, {"strides", 2}}));
  EXPECT_FALSE(streams({{"kernel_size", 3}, {"padding", "causal"}, {"strides", 2}}));
  EXPECT_FALSE(streams({{"kernel_size", 3}, {"padding", "same"}}));
}

TEST(Conv1dTest, StartsOverWhenItsStatesAreReplaced) {
  WeightMap weights;
  weights.Add("kernel", {2, 1, 1}, {10, 1});
  const Json config = {
      {"filters", 1}, {"kernel_size", 2}, {"padding", "causal"}, {"use_bias", false}};
  const auto layer = Build(Object("Conv1D", config), Sequences(1), weights);
  ASSERT_THAT(layer, IsOk());
  StateColumns states = RunLayer(**layer, Scalars({{3}})).state_columns();
  EXPECT_EQ(RunLayer(**layer, Scalars({{2}}), {}, states).y(), Scalars({{32}}));

  (*layer)->OnStatesReplaced(states[0].data());

  EXPECT_EQ(RunLayer(**layer, Scalars({{2}}), {}, states).y(), Scalars({{2}}));
}

TEST(Conv1dTest, RefusesWhatKerasRefuses) {
  EXPECT_THAT(
      Build(Object("Conv1D", {{"filters", 4}, {"kernel_size", 2}, {"groups", 3}}), Sequences(4)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("groups 3 must divide the 4 features and the 4 filters"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Conv1D", {{"filters", 4}}), Sequences(4)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'kernel_size' is missing"),
                       "MODEL_CONFIG"));

  WeightMap weights;
  weights.AddConstant("kernel", {2, 1, 1}, 1.0f);
  weights.AddConstant("bias", {1}, 1.0f);
  const auto build = [&](const std::string& class_name, Json config) {
    config.update({{"filters", 1}, {"kernel_size", 2}});
    return Build(Object(class_name, config), Sequences(1), weights);
  };
  EXPECT_THAT(build("Conv1D", {{"strides", 2}, {"dilation_rate", 2}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("strides 2 and dilation_rate 2"), "MODEL_CONFIG"));
  EXPECT_THAT(
      build("DepthwiseConv1D", {{"padding", "causal"}}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("found causal"), "MODEL_CONFIG"));
  EXPECT_THAT(build("Conv1D", {{"data_format", "channels_first"}}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("channels_first"),
                       "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
