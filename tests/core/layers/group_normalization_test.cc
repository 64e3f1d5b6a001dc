// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests GroupNormalization against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class GroupNormalizationKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(GroupNormalizationKerasTest, ComputesWhatKerasComputes) {
  ExpectWhatKerasComputes(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GroupNormalizationKerasTest,
    ::testing::Values(
        KerasCase{"OverTime",
                  Object("GroupNormalization", {{"groups", 2},
                                                {"axis", -1},
                                                {"epsilon", 0.001},
                                                {"center", true},
                                                {"scale", true}}),
                  {Sequences(4)},
                  {3},
                  {{"gamma", {4}}, {"beta", {4}}},
                  {{{-0.138687819f, 0.601438642f, -0.392423332f, 0.0189416707f},
                    {-0.793090761f, 0.237881422f, 0.0823211074f, 0.873481631f},
                    {-0.247754976f, -0.125675768f, -0.48737222f, 0.161365002f}},
                   {{-0.938513637f, 0.334830016f, 0.0713679194f, 0.736538887f},
                    {-0.393177867f, -0.0287271738f, -0.41068396f, 0.133974075f},
                    {0.152157903f, 0.407541454f, -0.00897406042f, 0.857051909f}}}},
        KerasCase{"OneGroup",
                  Object("GroupNormalization", {{"groups", 1},
                                                {"axis", -1},
                                                {"epsilon", 0.001},
                                                {"center", true},
                                                {"scale", false}}),
                  {Sequences(2)},
                  {3},
                  {{"beta", {2}}},
                  {{{-1.34749937f, 1.6801461f},
                    {-0.317794144f, -1.06573451f},
                    {0.711911082f, -0.0360292196f}},
                   {{-1.34749937f, 1.68014622f},
                    {-0.317794174f, -1.06573439f},
                    {0.711911082f, -0.0360292196f}}}},
        KerasCase{
            "InstanceNormalization",
            Object("GroupNormalization", {{"groups", 2},
                                          {"axis", -1},
                                          {"epsilon", 0.001},
                                          {"center", false},
                                          {"scale", true}}),
            {Sequences(3, {2})},
            {3},
            {{"gamma", {2}}},
            {{{0.458668172f, 0.32805869f}, {0, -0.277588099f}, {-0.458668172f, -0.0504705682f}},
             {{0.458668172f, 0.32805866f}, {0, -0.277588129f}, {-0.458668172f, -0.0504705608f}}}},
        KerasCase{
            "Vector",
            Object(
                "GroupNormalization",
                {{"groups", 2}, {"axis", -1}, {"epsilon", 0.1}, {"center", true}, {"scale", true}}),
            {Vectors(4)},
            {1},
            {{"gamma", {4}}, {"beta", {4}}},
            {{{-0.0223252177f, 0.485116541f, -0.461288571f, 0.058067143f}},
             {{-0.691932797f, 0.0387114435f, -0.0148834884f, 0.727674782f}}}},
        KerasCase{"HigherRank",
                  Object("GroupNormalization", {{"groups", 2},
                                                {"axis", -1},
                                                {"epsilon", 0.001},
                                                {"center", true},
                                                {"scale", true}}),
                  {ValueSpec{Shape{2, 4}, true, std::nullopt}},
                  {2},
                  {{"gamma", {4}}, {"beta", {4}}},
                  {{{-0.055341512f, 0.555760324f, -0.357481003f, 0.0203126669f, -0.722454906f,
                     0.185141757f, 0.0724430382f, 0.794175923f},
                    {-0.166527078f, -0.185476795f, -0.443465829f, 0.149289876f, -0.833640456f,
                     0.259265482f, -0.0135417879f, 0.923153162f}},
                   {{-0.536221504f, 0.0135417581f, -0.457520604f, 0.211948097f, 0.108664513f,
                     0.529450655f, -0.0622432679f, 0.923447311f},
                    {-0.665198684f, 0.0995265841f, -0.536576033f, 0.330531299f, -0.0203126669f,
                     0.615435421f, -0.141298741f, -0.262384713f}}}}),
    CaseName);

TEST(GroupNormalizationTest, RefusesGroupsThatDoNotDivideTheFeatures) {
  EXPECT_THAT(Build(Object("GroupNormalization"), Sequences(4)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("groups 32 must divide the 4 features"), "MODEL_CONFIG"));
  EXPECT_THAT(Build(Object("GroupNormalization", {{"groups", 3}}), Sequences(4)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("groups 3"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("GroupNormalization", {{"groups", 1}, {"axis", 1}}), Sequences(4)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 1"), "OPTION_UNSUPPORTED"));
}

TEST(GroupNormalizationTest, StreamsOnlyWithoutATimeAxis) {
  const Json config = {{"groups", 1}, {"scale", false}, {"center", false}};
  const auto sequence = Build(Object("GroupNormalization", config), Sequences(2));
  const auto vector = Build(Object("GroupNormalization", config), Vectors(2));
  ASSERT_THAT(sequence, IsOk());
  ASSERT_THAT(vector, IsOk());

  EXPECT_FALSE((*sequence)->can_stream());
  EXPECT_TRUE((*vector)->can_stream());
  EXPECT_EQ(RunLayer(**sequence, {{{1, 2}, {3, 4}}}, {{1, 0}}).output_mask(), (MaskBits{{1, 0}}));
}

}  // namespace
}  // namespace rnnserve::testing
