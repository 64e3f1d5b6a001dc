// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests each option of ReLU and LeakyReLU with values around its limits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

Values Apply(const Json& object, const std::vector<float>& x) {
  const auto layer = Build(object, Vectors(static_cast<int64_t>(x.size())));
  EXPECT_THAT(layer, IsOk());
  return RunLayer(**layer, {{x}}).y();
}

TEST(ReluTest, CutsOffNegativeValues) {
  EXPECT_EQ(Apply(Object("ReLU"), {-4, -0.5f, 0, 0.5f, 4}), (Values{{{0, 0, 0, 0.5f, 4}}}));
}

TEST(ReluTest, ScalesNegativeValuesByTheSlope) {
  EXPECT_EQ(Apply(Object("ReLU", {{"negative_slope", 0.25}}), {-4, 0, 4}), (Values{{{-1, 0, 4}}}));
}

TEST(ReluTest, LimitsValuesToTheMaximum) {
  EXPECT_EQ(Apply(Object("ReLU", {{"max_value", 2}}), {-4, 1, 2, 3}), (Values{{{0, 1, 2, 2}}}));
}

TEST(ReluTest, CutsOffValuesBelowTheThreshold) {
  EXPECT_EQ(Apply(Object("ReLU", {{"threshold", 1}}), {-4, 0.5f, 1, 1.5f}),
            (Values{{{0, 0, 0, 1.5f}}}));
}

// Below the threshold, the output is the slope times the distance from the threshold.
TEST(ReluTest, CombinesItsOptions) {
  const Json options = {{"negative_slope", 0.5}, {"max_value", 3}, {"threshold", 1}};

  EXPECT_EQ(Apply(Object("ReLU", options), {-1, 0.5f, 1, 2, 5}), (Values{{{-1, -0.25f, 0, 2, 3}}}));
}

TEST(ReluTest, WithoutSlopeMinusInfinityIsZero) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();

  EXPECT_EQ(Apply(Object("ReLU"), {-kInfinity, kInfinity}), (Values{{{0, kInfinity}}}));
}

TEST(LeakyReluTest, HasTheDefaultSlopeOfKeras) {
  EXPECT_EQ(Apply(Object("LeakyReLU"), {-1, 2}), (Values{{{-0.3f, 2}}}));
  EXPECT_EQ(Apply(Object("LeakyReLU", {{"negative_slope", 0.5}}), {-1, 2}), (Values{{{-0.5f, 2}}}));
}

TEST(LeakyReluTest, ReadsTheSlopeByItsNameInKeras2) {
  EXPECT_EQ(Apply(Object("LeakyReLU", {{"alpha", 0.5}}), {-1, 2}), (Values{{{-0.5f, 2}}}));
}

TEST(ReluErrorTest, RefusesNegativeOptions) {
  for (const std::string key : {"negative_slope", "max_value", "threshold"}) {
    EXPECT_THAT(Build(Object("ReLU", {{key, -2}}), Vectors(1)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("layer 'layer': " + key + " must not be negative, found -2"),
                         "MODEL_CONFIG"));
  }
}

}  // namespace
}  // namespace rnnserve::testing
