// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests layers that merge their inputs element by element. The expected numbers are from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class ElementwiseMergeKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(ElementwiseMergeKerasTest, ComputesWhatKerasComputes) {
  ExpectWhatKerasComputes(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ElementwiseMergeKerasTest,
    ::testing::Values(
        KerasCase{"Add",
                  Object("Add", Json::object()),
                  {Sequences(2), Sequences(2), Sequences(2)},
                  {2, 2, 2},
                  {},
                  {{{-0.5f, -0.75f}, {1.75f, -1.25f}}, {{-1.5f, 1}, {-2, 3.25f}}}},
        KerasCase{"Subtract",
                  Object("Subtract", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {2, 2},
                  {},
                  {{{-0.5f, 2.25f}, {-0.5f, -0.5f}}, {{2.25f, -0.5f}, {-0.5f, -0.5f}}}},
        KerasCase{"Multiply",
                  Object("Multiply", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {2, 2},
                  {},
                  {{{0, -1.25f}, {0.1875f, 0.1875f}}, {{-1.25f, 0}, {0.5f, 0.9375f}}}},
        KerasCase{"Average",
                  Object("Average", Json::object()),
                  {Sequences(2), Sequences(2), Sequences(2)},
                  {2, 2, 2},
                  {},
                  {{{-0.166666672f, -0.25f}, {0.583333313f, -0.416666657f}},
                   {{-0.5f, 0.333333343f}, {-0.666666687f, 1.08333337f}}}},
        KerasCase{"Maximum",
                  Object("Maximum", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {2, 2},
                  {},
                  {{{0, 1.25f}, {0.75f, -0.25f}}, {{1, 0.5f}, {-0.5f, 1.25f}}}},
        KerasCase{"Minimum",
                  Object("Minimum", Json::object()),
                  {Vectors(2), Vectors(2)},
                  {1, 1},
                  {},
                  {{{-0.5f, -1}}, {{0.25f, -0.75f}}}},
        KerasCase{"FeaturesOfOne",
                  Object("Multiply", Json::object()),
                  {Sequences(2), Sequences(1)},
                  {3, 3},
                  {},
                  {{{0, 0}, {-0.25f, 0.75f}, {0.75f, 0}},
                   {{0.25f, -0.1875f}, {0.3125f, 1.5625f}, {0.25f, -0.25f}}}},
        KerasCase{"AVectorMeetsEveryTimestep",
                  Object("Add", Json::object()),
                  {Sequences(2), Vectors(2)},
                  {3, 1},
                  {},
                  {{{-0.5f, 0.25f}, {0.25f, -1.75f}, {1, -1}},
                   {{-0.25f, 0.5f}, {0.5f, -1.5f}, {1.25f, -0.75f}}}},
        KerasCase{"OneTimestepMeetsAll",
                  Object("Add", Json::object()),
                  {Sequences(1, {2}), Sequences(3, {2})},
                  {1, 3},
                  {},
                  {{{-0.5f, 0.25f}, {0.25f, 1}, {-1.75f, 1.75f}},
                   {{-0.25f, 0.5f}, {0.5f, -1.5f}, {1.25f, -0.75f}}}},
        KerasCase{"HigherRank",
                  Object("Add", Json::object()),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt},
                   ValueSpec{Shape{1, 2}, true, std::nullopt}},
                  {2, 2},
                  {},
                  {{{-0.5f, 0.25f, 0.25f, -1.75f}, {1.75f, -0.25f, -0.25f, 0.5f}},
                   {{-1.5f, -0.75f, -0.75f, 0}, {0.75f, 1.5f, -1.25f, 2.25f}}}},
        KerasCase{"AVectorMeetsHigherRank",
                  Object("Add", Json::object()),
                  {Vectors(2), ValueSpec{Shape{2, 2}, true, std::nullopt}},
                  {1, 2},
                  {},
                  {{{-0.5f, 0.25f, 0.25f, 1}, {-1.75f, 1.75f, -1, 2.5f}},
                   {{0.5f, -1.5f, 1.25f, -0.75f}, {-0.75f, 0, 0, -2}}}},
        KerasCase{"MaximumOfWhatCounts",
                  Object("Maximum", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {3, 3},
                  {},
                  {{{-0.5f, 1.25f}, {0.25f, -0.75f}, {1, 0.5f}},
                   {{-0.5f, 1.25f}, {-0.25f, -1.25f}, {1, 0}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}}},
        KerasCase{"MinimumOfWhatCounts",
                  Object("Minimum", Json::object()),
                  {Sequences(2), Sequences(2), Sequences(2)},
                  {3, 3, 3},
                  {},
                  {{{-0.5f, -1}, {0.25f, -0.75f}, {-1.25f, 0}},
                   {{-0.5f, 1.25f}, {-0.25f, -1.25f}, {0.5f, -0.5f}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}, {{1, 0, 0}, {0, 0, 1}}}},
        KerasCase{
            "MaximumWithoutTheOtherMask",
            Object("Maximum", Json::object()),
            {Sequences(2), Sequences(2)},
            {3, 3},
            {},
            {{{0, 1.25f}, {0.75f, -0.25f}, {1, 0.5f}}, {{-0.5f, 1.25f}, {0.25f, -0.75f}, {1, 0}}},
            {{{1, 0, 1}, {0, 0, 1}}, {}}},
        KerasCase{"MinimumWithAnOpenInputBetween",
                  Object("Minimum", Json::object()),
                  {Sequences(2), Sequences(2), Sequences(2)},
                  {3, 3, 3},
                  {},
                  {{{-0.5f, -1}, {0.75f, -0.25f}, {-1.25f, 0}},
                   {{-0.5f, 1.25f}, {0.25f, -0.75f}, {0.5f, -0.5f}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {}, {{0, 0, 1}, {1, 0, 1}}}},
        KerasCase{"MultiplyOfWhatCounts",
                  Object("Multiply", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {3, 3},
                  {},
                  {{{-0.5f, 1.25f}, {0, 0}, {-1.25f, 0}}, {{-0.5f, 1.25f}, {0, 0}, {0.5f, 0}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}}},
        KerasCase{"MultiplyWithoutTheOtherMask",
                  Object("Multiply", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {3, 3},
                  {},
                  {{{0, -1.25f}, {0.75f, -0.25f}, {-1.25f, 0}},
                   {{-0.5f, 1.25f}, {0.25f, -0.75f}, {0.5f, 0}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {}}},
        KerasCase{"AddIgnoresMasks",
                  Object("Add", Json::object()),
                  {Sequences(2), Sequences(2)},
                  {3, 3},
                  {},
                  {{{-0.5f, 0.25f}, {1, -1}, {-0.25f, 0.5f}}, {{-1.5f, 2}, {0, -2}, {1.5f, -0.5f}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}}}),
    CaseName);

TEST(ElementwiseMergeTest, ATimestepCountsIfItCountsInAnyInput) {
  const auto layer = BuildMerge(Object("Add"), {Sequences(1), Sequences(1)});
  ASSERT_THAT(layer, IsOk());
  const Values x = Scalars({{1, 2, 3}});

  EXPECT_EQ(RunMerge(**layer, {{x, {{1, 0, 0}}}, {x, {{0, 0, 1}}}}).output_mask(),
            (MaskBits{{1, 0, 1}}));
  EXPECT_THAT(RunMerge(**layer, {{x, {{1, 0, 0}}}, {x}}).output_mask(), ::testing::IsEmpty());
}

TEST(ElementwiseMergeTest, LogicalOrGivesTruthValues) {
  const auto layer =
      BuildMerge(Object("LogicalOr", {{"dtype", "bool"}}), {Sequences(1), Sequences(2)});
  ASSERT_THAT(layer, IsOk());

  const auto run = RunMerge(**layer, {{{{{0}, {3}}}}, {{{{0, 1}, {0, 0}}}}});

  EXPECT_EQ(run.y(), (Values{{{0, 1}, {1, 1}}}));
}

TEST(ElementwiseMergeTest, NaNOnEitherSideGivesNaN) {
  const auto layer = BuildMerge(Object("Maximum"), {Vectors(2), Vectors(2)});
  ASSERT_THAT(layer, IsOk());
  const float nan = std::numeric_limits<float>::quiet_NaN();

  EXPECT_THAT(RunMerge(**layer, {{{{{nan, 1}}}}, {{{{1, nan}}}}}).y(), NearValues({{{nan, nan}}}));
}

TEST(ElementwiseMergeTest, RefusesShapesThatDiffer) {
  EXPECT_THAT(BuildMerge(Object("Add"), {Sequences(2), Sequences(3)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("an extent of 2 meets one of 3"), "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Add"), {Sequences(4, {2}), Sequences(3, {2})}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("an extent of 4 meets one of 3"), "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Subtract"), {Vectors(2), Vectors(2), Vectors(2)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two inputs, found 3"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Add"), {Sequences(2), TokenIds()}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("of which only one is time"),
                       "OPTION_UNSUPPORTED"));
}

TEST(ElementwiseMergeTest, CannotStreamIfATimestepIsRepeated) {
  const auto repeated = BuildMerge(Object("Add"), {Sequences(2), Sequences(1, {2})});
  const auto together = BuildMerge(Object("Add"), {Sequences(2), Vectors(2)});
  ASSERT_THAT(repeated, IsOk());
  ASSERT_THAT(together, IsOk());

  EXPECT_FALSE((*repeated)->can_stream());
  EXPECT_TRUE((*together)->can_stream());
  EXPECT_EQ((*together)->output_time({4, 1}), 4);
  EXPECT_EQ((*repeated)->output_time({4, 3}), 0);
}

}  // namespace
}  // namespace rnnserve::testing
