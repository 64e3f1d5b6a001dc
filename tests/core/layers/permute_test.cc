// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Permute against numbers from Keras.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/keras_case.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class PermuteKerasTest : public ::testing::TestWithParam<KerasCase> {};

TEST_P(PermuteKerasTest, ComputesWhatKerasComputes) { ExpectWhatKerasComputes(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, PermuteKerasTest,
    ::testing::Values(
        KerasCase{"TimeAndFeatures",
                  Object("Permute", {{"dims", Json::array({2, 1})}}),
                  {Sequences(3, {2})},
                  {3},
                  {},
                  {{{-0.5f, 0.25f, 1}, {1.25f, -0.75f, 0}},
                   {{-1, -0.25f, 0.5f}, {0.75f, -1.25f, -0.5f}}}},
        KerasCase{
            "WithinTimesteps",
            Object("Permute", {{"dims", Json::array({1, 3, 2})}}),
            {ValueSpec{Shape{2, 3}, true, std::nullopt}},
            {2},
            {},
            {{{-0.5f, -0.75f, 1.25f, 1, 0.25f, 0}, {-1, -1.25f, 0.75f, 0.5f, -0.25f, -0.5f}},
             {{1.25f, 1, 0.25f, 0, -0.75f, -1}, {0.75f, 0.5f, -0.25f, -0.5f, -1.25f, 1.25f}}}},
        KerasCase{
            "AllAxes",
            Object("Permute", {{"dims", Json::array({3, 1, 2})}}),
            {Sequences(2, {3, 2})},
            {2},
            {},
            {{{-0.5f, 0.25f, 1, -1, -0.25f, 0.5f}, {1.25f, -0.75f, 0, 0.75f, -1.25f, -0.5f}},
             {{1.25f, -0.75f, 0, 0.75f, -1.25f, -0.5f}, {0.25f, 1, -1, -0.25f, 0.5f, 1.25f}}}},
        KerasCase{"Vector",
                  Object("Permute", {{"dims", Json::array({1})}}),
                  {Vectors(3)},
                  {1},
                  {},
                  {{{-0.5f, 1.25f, 0.25f}}, {{-0.75f, 1, 0}}}}),
    CaseName);

TEST(PermuteTest, NeedsAFixedTimeToMoveTheTimeAxis) {
  EXPECT_THAT(Build(Object("Permute", {{"dims", {2, 1}}}), Sequences(2)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 2 of the output"),
                       "OPTION_UNSUPPORTED"));
}

TEST(PermuteTest, RefusesDimsThatAreNotAPermutation) {
  EXPECT_THAT(
      Build(Object("Permute", {{"dims", {1, 1}}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'dims' is [1,1]"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("Permute", {{"dims", {1, 2, 3}}}), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the axes 1 to 2"), "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("Permute"), Sequences(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'dims' is null"), "MODEL_CONFIG"));
}

TEST(PermuteTest, StreamsIfTheTimeAxisStays) {
  const auto moved = Build(Object("Permute", {{"dims", {2, 1}}}), Sequences(3, {2}));
  const auto kept = Build(Object("Permute", {{"dims", {1, 3, 2}}}), Sequences(3, {2, 2}));
  ASSERT_THAT(moved, IsOk());
  ASSERT_THAT(kept, IsOk());

  EXPECT_FALSE((*moved)->can_stream());
  EXPECT_EQ((*moved)->output(), Sequences(2, {3}));
  EXPECT_EQ((*moved)->output_time({4}), 0);
  EXPECT_TRUE((*kept)->can_stream());
}

}  // namespace
}  // namespace rnnserve::testing
