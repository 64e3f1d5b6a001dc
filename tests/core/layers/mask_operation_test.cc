// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the operations on masks that Keras writes between a Masking and a Concatenate.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MaskOperationTest, NotEqualComparesWithAValue) {
  const auto layer = Build(Object("NotEqual", {{"value", -1.0}, {"dtype", "bool"}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{-1, 0}, {-1, -1}}}, {{1, 0}});

  EXPECT_EQ(run.y(), (Values{{{0, 1}, {0, 0}}}));
  EXPECT_THAT(run.output_mask(), IsEmpty());
}

TEST(MaskOperationTest, NotEqualReadsTokenIds) {
  const auto layer = Build(Object("NotEqual", {{"value", 0}}), TokenIds());
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, Scalars({{3, 0, 7}})).y(), Scalars({{1, 0, 1}}));
  EXPECT_EQ((*layer)->output(), TokenIds());
}

TEST(MaskOperationTest, AnyReducesTheLastAxis) {
  const auto layer = Build(Object("Any", {{"axis", -1}, {"keepdims", false}}), Sequences(2));
  const auto kept = Build(Object("Any", {{"axis", -1}, {"keepdims", true}}), Sequences(2));
  ASSERT_THAT(layer, IsOk());
  ASSERT_THAT(kept, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{0, 1}, {0, 0}}}).y(), Scalars({{1, 0}}));
  EXPECT_EQ((*layer)->output(), TokenIds());
  EXPECT_EQ((*kept)->output(), Sequences(1));
}

TEST(MaskOperationTest, AnyReducesEveryVectorOfATimestep) {
  const auto layer = Build(Object("Any", {{"axis", -1}}), Sequences(1, {2, 2}));
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{0, 0, 0, 1}}}).y(), (Values{{{0, 1}}}));
  EXPECT_EQ((*layer)->output(), Sequences(1, {2}));
}

TEST(MaskOperationTest, ZerosAndOnesHaveTheShapeOfTheInput) {
  const auto zeros = Build(Object("ZerosLike", {{"dtype", "bool"}}), Sequences(2));
  const auto ones = Build(Object("OnesLike", {{"dtype", "bool"}}), Sequences(2));
  ASSERT_THAT(zeros, IsOk());
  ASSERT_THAT(ones, IsOk());

  EXPECT_EQ(RunLayer(**zeros, {{{5, 6}}}).y(), (Values{{{0, 0}}}));
  EXPECT_EQ(RunLayer(**ones, {{{5, 6}}}).y(), (Values{{{1, 1}}}));
}

TEST(MaskOperationTest, ExpandDimsAppendsAnAxis) {
  const auto layer = Build(Object("ExpandDims", {{"axis", -1}}), TokenIds());
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, Scalars({{1, 0}})).y(), Scalars({{1, 0}}));
  EXPECT_EQ((*layer)->output(), Sequences(1));
  EXPECT_TRUE((*layer)->can_stream());
}

TEST(MaskOperationTest, RefusesOtherAxesAndAMissingValue) {
  EXPECT_THAT(Build(Object("NotEqual"), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'value' is missing"),
                       "MODEL_CONFIG"));
  EXPECT_THAT(
      Build(Object("Any", {{"axis", 1}}), Sequences(2)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("axis 1"), "OPTION_UNSUPPORTED"));
  EXPECT_THAT(
      Build(Object("Any", {{"axis", -1}}), Vectors(2)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("[batch]"), "OPTION_UNSUPPORTED"));
}

}  // namespace
}  // namespace rnnserve::testing
