// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Softmax with and without a mask.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(SoftmaxTest, NormalizesTheFeatures) {
  const auto layer = Build(Object("Softmax"), Vectors(3));
  ASSERT_THAT(layer, IsOk());

  EXPECT_THAT(RunLayer(**layer, {{{1, 2, 3}}, {{1001, 1002, 1003}}}).y(),
              NearValues({{{0.09003057f, 0.24472848f, 0.66524094f}},
                          {{0.09003057f, 0.24472848f, 0.66524094f}}}));
}

TEST(SoftmaxTest, MaskedTimestepsAreZeroAndTheMaskIsHandedOn) {
  const auto layer = Build(Object("Softmax"), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  const auto run = RunLayer(**layer, {{{3, 3}, {kNaN, 1}, {5, 5}}}, {{1, 0, 1}});

  EXPECT_EQ(run.y(), (Values{{{0.5f, 0.5f}, {0, 0}, {0.5f, 0.5f}}}));
  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0, 1}}));
}

TEST(SoftmaxTest, AcceptsTheLastAxis) {
  EXPECT_THAT(Build(Object("Softmax", {{"axis", -1}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Softmax", {{"axis", 2}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Softmax", {{"axis", {-1}}}), Sequences(2)), IsOk());
  EXPECT_THAT(Build(Object("Softmax", {{"axis", 1}}), Vectors(2)), IsOk());
}

TEST(SoftmaxTest, RefusesAnotherAxis) {
  for (const Json& axis : {Json(1), Json(-2), Json({1, 2}), Json("last")}) {
    EXPECT_THAT(Build(Object("Softmax", {{"axis", axis}}), Sequences(2)),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("layer 'layer': axis " + axis.dump()), "OPTION_UNSUPPORTED"));
  }
}

}  // namespace
}  // namespace rnnserve::testing
