// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Reshape and Flatten, which keep the order of the elements, against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class ReshapeKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(ReshapeKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, ReshapeKerasTest,
    ::testing::Values(
        KerasCase{"Reshape",
                  Object("Reshape", {{"target_shape", Json::array({2, 3, 1})}}),
                  {Sequences(3, {2})},
                  {3},
                  {},
                  {{{-0.5f, 1.25f, 0.25f}, {-0.75f, 1, 0}},
                   {{-1, 0.75f, -0.25f}, {-1.25f, 0.5f, -0.5f}}}},
        KerasCase{
            "ToVector",
            Object("Reshape", {{"target_shape", Json::array({-1})}}),
            {Sequences(3, {2})},
            {3},
            {},
            {{{-0.5f, 1.25f, 0.25f, -0.75f, 1, 0}}, {{-1, 0.75f, -0.25f, -1.25f, 0.5f, -0.5f}}}},
        KerasCase{"FromVector",
                  Object("Reshape", {{"target_shape", Json::array({2, 3})}}),
                  {Vectors(6)},
                  {1},
                  {},
                  {{{-0.5f, 1.25f, 0.25f}, {-0.75f, 1, 0}},
                   {{-1, 0.75f, -0.25f}, {-1.25f, 0.5f, -0.5f}}}},
        KerasCase{
            "EveryTimestep",
            Object("Reshape", {{"target_shape", Json::array({-1, 2, 2})}}),
            {Sequences(4)},
            {3},
            {},
            {{{-0.5f, 1.25f, 0.25f, -0.75f}, {1, 0, -1, 0.75f}, {-0.25f, -1.25f, 0.5f, -0.5f}},
             {{1.25f, 0.25f, -0.75f, 1}, {0, -1, 0.75f, -0.25f}, {-1.25f, 0.5f, -0.5f, 1.25f}}}},
        KerasCase{"MoreTimesteps",
                  Object("Reshape", {{"target_shape", Json::array({-1, 2})}}),
                  {Sequences(4)},
                  {3},
                  {},
                  {{{-0.5f, 1.25f},
                    {0.25f, -0.75f},
                    {1, 0},
                    {-1, 0.75f},
                    {-0.25f, -1.25f},
                    {0.5f, -0.5f}},
                   {{1.25f, 0.25f},
                    {-0.75f, 1},
                    {0, -1},
                    {0.75f, -0.25f},
                    {-1.25f, 0.5f},
                    {-0.5f, 1.25f}}}},
        KerasCase{"Flatten",
                  Object("Flatten", {{"data_format", "channels_last"}}),
                  {Sequences(3, {2, 2})},
                  {3},
                  {},
                  {{{-0.5f, 1.25f, 0.25f, -0.75f, 1, 0, -1, 0.75f, -0.25f, -1.25f, 0.5f, -0.5f}},
                   {{1.25f, 0.25f, -0.75f, 1, 0, -1, 0.75f, -0.25f, -1.25f, 0.5f, -0.5f, 1.25f}}}},
        KerasCase{"FlattenVector",
                  Object("Flatten", {{"data_format", "channels_last"}}),
                  {Vectors(3)},
                  {1},
                  {},
                  {{{-0.5f, 1.25f, 0.25f}}, {{-0.75f, 1, 0}}}}),
    CaseName);

TEST(ReshapeTest, RefusesAShapeOfAnotherSize) {
  EXPECT_THAT(Build(Object("Reshape", {{"target_shape", {4, 2}}}), Sequences(3, {2})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("does not hold the 6 elements"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Reshape", {{"target_shape", {4, -1}}}), Vectors(6)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("target_shape [4,-1]"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("Reshape", {{"target_shape", {-1, -1}}}), Vectors(6)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a list of extents"),
                       "MODEL_CONFIG"));
}

TEST(ReshapeTest, OnlyTimeMayBeUnknown) {
  EXPECT_THAT(Build(Object("Reshape", {{"target_shape", {2, -1}}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 2 of the output"),
                       "OPTION_UNSUPPORTED"));
  EXPECT_THAT(Build(Object("Flatten"), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 1 of the output"),
                       "OPTION_UNSUPPORTED"));
  EXPECT_THAT(Build(Object("Flatten", {{"data_format", "channels_first"}}), Sequences(3, {2})),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("channels_first"),
                       "OPTION_UNSUPPORTED"));
}

TEST(ReshapeTest, RefusesNumbersOfTimestepsThatDoNotFit) {
  const auto halved = Build(Object("Reshape", {{"target_shape", {-1, 4}}}), Sequences(2));
  const auto fixed = Build(Object("Reshape", {{"target_shape", {4, 3}}}), Sequences(2));
  ASSERT_THAT(halved, IsOk());
  ASSERT_THAT(fixed, IsOk());

  EXPECT_EQ((*halved)->output_time({6}), 3);
  EXPECT_EQ((*halved)->output_time({5}), 0);
  EXPECT_EQ((*fixed)->output_time({6}), 4);
  EXPECT_EQ((*fixed)->output_time({12}), 0);
}

TEST(ReshapeTest, StreamsIfTheTimeAxisStaysAndEndsTheMask) {
  const auto kept = Build(Object("Reshape", {{"target_shape", {-1, 2, 1}}}), Sequences(2));
  const auto joined = Build(Object("Reshape", {{"target_shape", {-1, 4}}}), Sequences(2));
  ASSERT_THAT(kept, IsOk());
  ASSERT_THAT(joined, IsOk());

  EXPECT_TRUE((*kept)->can_stream());
  EXPECT_FALSE((*joined)->can_stream());
  EXPECT_THAT(RunLayer(**kept, {{{1, 2}}}, {{0}}).output_mask(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace rnnserve::testing
