// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Concatenate against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class ConcatenateKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(ConcatenateKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, ConcatenateKerasTest,
    ::testing::Values(
        KerasCase{"Features",
                  Object("Concatenate", {{"axis", -1}}),
                  {Sequences(2), Sequences(1), Sequences(3)},
                  {2, 2, 2},
                  {},
                  {{{-0.5f, 1.25f, 0, 0, -1, 0.75f}, {0.25f, -0.75f, -1, -0.25f, -1.25f, 0.5f}},
                   {{1, 0, 0.75f, -0.5f, 1.25f, 0.25f}, {-1, 0.75f, -0.25f, -0.75f, 1, 0}}}},
        KerasCase{"Time",
                  Object("Concatenate", {{"axis", 1}}),
                  {Sequences(2), Sequences(2)},
                  {2, 3},
                  {},
                  {{{-0.5f, 1.25f}, {0.25f, -0.75f}, {0, -1}, {0.75f, -0.25f}, {-1.25f, 0.5f}},
                   {{1, 0}, {-1, 0.75f}, {-0.5f, 1.25f}, {0.25f, -0.75f}, {1, 0}}}},
        KerasCase{"Vectors",
                  Object("Concatenate", {{"axis", -1}}),
                  {Vectors(2), Vectors(3)},
                  {1, 1},
                  {},
                  {{{-0.5f, 1.25f, 0, -1, 0.75f}}, {{0.25f, -0.75f, -0.25f, -1.25f, 0.5f}}}},
        KerasCase{"MiddleAxis",
                  Object("Concatenate", {{"axis", 2}}),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt},
                   ValueSpec{Shape{1, 2}, true, std::nullopt}},
                  {2, 2},
                  {},
                  {{{-0.5f, 1.25f, 0.25f, -0.75f, 0, -1}, {1, 0, -1, 0.75f, 0.75f, -0.25f}},
                   {{-0.25f, -1.25f, 0.5f, -0.5f, -1.25f, 0.5f},
                    {1.25f, 0.25f, -0.75f, 1, -0.5f, 1.25f}}}},
        KerasCase{"LastOfHigherRank",
                  Object("Concatenate", {{"axis", -1}}),
                  {ValueSpec{Shape{2, 2}, true, std::nullopt},
                   ValueSpec{Shape{2, 1}, true, std::nullopt}},
                  {2, 2},
                  {},
                  {{{-0.5f, 1.25f, 0, 0.25f, -0.75f, -1}, {1, 0, 0.75f, -1, 0.75f, -0.25f}},
                   {{-0.25f, -1.25f, -1.25f, 0.5f, -0.5f, 0.5f},
                    {1.25f, 0.25f, -0.5f, -0.75f, 1, 1.25f}}}},
        KerasCase{"MasksOfFeatures",
                  Object("Concatenate", {{"axis", -1}}),
                  {Sequences(2), Sequences(1)},
                  {3, 3},
                  {},
                  {{{-0.5f, 1.25f, 0}, {0.25f, -0.75f, -1}, {1, 0, 0.75f}},
                   {{-1, 0.75f, -0.25f}, {-0.25f, -1.25f, -1.25f}, {0.5f, -0.5f, 0.5f}}},
                  {{{1, 0, 1}, {0, 0, 1}}, {{0, 0, 1}, {1, 0, 1}}}},
        KerasCase{
            "MasksOfTime",
            Object("Concatenate", {{"axis", 1}}),
            {Sequences(2), Sequences(2)},
            {3, 3},
            {},
            {{{-0.5f, 1.25f}, {0.25f, -0.75f}, {1, 0}, {0, -1}, {0.75f, -0.25f}, {-1.25f, 0.5f}},
             {{-1, 0.75f},
              {-0.25f, -1.25f},
              {0.5f, -0.5f},
              {-0.5f, 1.25f},
              {0.25f, -0.75f},
              {1, 0}}},
            {{{1, 0, 1}, {0, 0, 1}}, {}}}),
    CaseName);

TEST(ConcatenateTest, MasksAreJoinedToo) {
  const auto features = BuildMerge(Object("Concatenate"), {Sequences(1), Sequences(1)});
  const auto time = BuildMerge(Object("Concatenate", {{"axis", 1}}), {Sequences(1), Sequences(1)});
  ASSERT_THAT(features, IsOk());
  ASSERT_THAT(time, IsOk());
  const Values x = Scalars({{1, 2, 3}});

  EXPECT_EQ(RunMerge(**features, {{x, {{1, 0, 0}}}, {x, {{0, 0, 1}}}}).output_mask(),
            (MaskBits{{1, 0, 1}}));
  EXPECT_EQ(RunMerge(**features, {{x, {{1, 0, 0}}}, {x}}).output_mask(), (MaskBits{{1, 1, 1}}));
  EXPECT_EQ(RunMerge(**time, {{x, {{1, 0, 1}}}, {x}}).output_mask(),
            (MaskBits{{1, 0, 1, 1, 1, 1}}));
  EXPECT_THAT(RunMerge(**time, {{x}, {x}}).output_mask(), ::testing::IsEmpty());
}

TEST(ConcatenateTest, StreamsUnlessItJoinsTime) {
  const auto time = BuildMerge(Object("Concatenate", {{"axis", 1}}), {Sequences(2), Sequences(2)});
  const auto features = BuildMerge(Object("Concatenate"), {Sequences(2), Sequences(2)});
  ASSERT_THAT(time, IsOk());
  ASSERT_THAT(features, IsOk());

  EXPECT_FALSE((*time)->can_stream());
  EXPECT_EQ((*time)->output_time({4, 3}), 7);
  EXPECT_TRUE((*features)->can_stream());
  EXPECT_EQ((*features)->output_time({4, 3}), 0);
}

TEST(ConcatenateTest, RefusesInputsThatDiffer) {
  EXPECT_THAT(BuildMerge(Object("Concatenate", {{"axis", 1}}), {Sequences(2), Sequences(3)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the inputs may differ only in"), "MODEL_CONFIG"));
  EXPECT_THAT(
      BuildMerge(Object("Concatenate"), {Sequences(2), Vectors(3)}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot be joined"), "MODEL_CONFIG"));
  EXPECT_THAT(BuildMerge(Object("Concatenate", {{"axis", 0}}), {Vectors(2), Vectors(3)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axis 0 is not one of"),
                       "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
