// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Dot against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class DotKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(DotKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, DotKerasTest,
    ::testing::Values(
        KerasCase{"Vectors",
                  Object("Dot", {{"axes", 1}, {"normalize", false}}),
                  {Vectors(3), Vectors(3)},
                  {1, 1},
                  {},
                  {{{-1.0625f}}, {{-1.0625f}}}},
        KerasCase{"CosineOfVectors",
                  Object("Dot", {{"axes", -1}, {"normalize", true}}),
                  {Vectors(3), Vectors(3)},
                  {1, 1},
                  {},
                  {{{-0.620752215f}}, {{-0.620752215f}}}},
        KerasCase{"Attention",
                  Object("Dot", {{"axes", Json::array({2, 2})}, {"normalize", false}}),
                  {Sequences(3, {2}), Sequences(4, {2})},
                  {3, 4},
                  {},
                  {{{-1.25f, -0.6875f, 1.25f, 1.8125f},
                    {0.75f, 0.375f, -0.6875f, -1.0625f},
                    {0, 0.75f, -1.25f, -0.5f}},
                   {{-0.8125f, -1, 1.5625f, -0.6875f},
                    {0.875f, -0.25f, -0.6875f, 1.625f},
                    {0.5f, 0.5f, -0.875f, 0.5f}}}},
        KerasCase{"OverTime",
                  Object("Dot", {{"axes", Json::array({1, 1})}, {"normalize", false}}),
                  {Sequences(1), Sequences(2)},
                  {3, 3},
                  {},
                  {{{0.625f, 0.3125f}}, {{0.625f, -1.6875f}}}},
        KerasCase{"MatrixProduct",
                  Object("Dot", {{"axes", Json::array({2, 1})}, {"normalize", false}}),
                  {Sequences(2, {3}), Sequences(3, {2})},
                  {2, 3},
                  {},
                  {{{0.625f, 0.3125f}, {0.75f, 0.5f}}, {{0.4375f, -1.8125f}, {0.25f, -1.9375f}}}},
        KerasCase{"VectorWithSequence",
                  Object("Dot", {{"axes", Json::array({1, 2})}, {"normalize", false}}),
                  {Vectors(2), Sequences(3, {2})},
                  {1, 3},
                  {},
                  {{{-1.25f, -0.6875f, 1.25f}}, {{-1.0625f, 0.625f, 0.25f}}}},
        KerasCase{
            "NormalizedSequences",
            Object("Dot", {{"axes", 2}, {"normalize", true}}),
            {Sequences(2, {2}), Sequences(3, {2})},
            {2, 3},
            {},
            {{{-0.928476691f, -0.645942211f, 0.689655185f},
              {0.948683262f, 0.599999964f, -0.645942211f}},
             {{-0.371390671f, 0.316227764f, 1}, {0.854198575f, -0.822192192f, -0.800000012f}}}},
        KerasCase{
            "HigherRank",
            Object("Dot", {{"axes", Json::array({2, 2})}, {"normalize", false}}),
            {Sequences(2, {3, 2}), Sequences(2, {3})},
            {2, 2},
            {},
            {{{0.5f, 0.3125f, 0.75f, 0.625f}, {0.625f, 0.8125f, 0.875f, 1.125f}},
             {{-1.5625f, -1.6875f, 0.875f, 0.8125f}, {-2.0625f, -1.8125f, 1.0625f, 0.6875f}}}}),
    CaseName);

TEST(DotTest, RefusesAxesThatDiffer) {
  EXPECT_THAT(
      BuildMerge(Object("Dot", {{"axes", 2}}), {Sequences(2), Sequences(3)}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 and 3 elements"), "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Dot", {{"axes", {1, 5}}}), {Sequences(2), Sequences(2)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axis 5 is not one of"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Dot", {{"axes", 1}}), {Vectors(2)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two inputs, found 1"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Dot", {{"axes", 2}}), {Sequences(2), Sequences(2)}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 2 of the output"),
                       "OPTION_UNSUPPORTED"));
}

TEST(DotTest, SumsOverEqualNumbersOfTimesteps) {
  const auto layer = BuildMerge(Object("Dot", {{"axes", 1}}), {Sequences(1), Sequences(2)});
  ASSERT_THAT(layer, IsOk());

  EXPECT_FALSE((*layer)->can_stream());
  EXPECT_EQ((*layer)->output_time({3, 3}), 1);
  EXPECT_EQ((*layer)->output_time({3, 2}), 0);
}

}  // namespace
}  // namespace rnnserve::testing
