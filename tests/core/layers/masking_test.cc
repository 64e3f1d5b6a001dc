// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the mask and the output of Masking.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Layer> MaskingLayer(const Json& mask_value) {
  auto layer = Build(Object("Masking", {{"mask_value", mask_value}}), Sequences(2));
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

TEST(MaskingTest, MasksTimestepsWhoseFeaturesAllEqualTheValue) {
  const auto run = RunLayer(*MaskingLayer(9.0), {{{9, 9}, {9, 1}, {2, 2}}});

  EXPECT_EQ(run.output_mask(), (MaskBits{{0, 1, 1}}));
  EXPECT_EQ(run.y(), (Values{{{0, 0}, {9, 1}, {2, 2}}}));
}

TEST(MaskingTest, TheValueIsZeroByDefault) {
  const auto layer = Build(Object("Masking"), Sequences(2));
  ASSERT_THAT(layer, IsOk());

  EXPECT_EQ(RunLayer(**layer, {{{0, 0}, {0, 1}}, {{2, 0}, {-0.0f, 0}}}).output_mask(),
            (MaskBits{{0, 1}, {1, 0}}));
}

TEST(MaskingTest, ReplacesTheMaskOfTheInput) {
  const auto run = RunLayer(*MaskingLayer(9.0), {{{9, 9}, {1, 1}}}, {{1, 0}});

  EXPECT_EQ(run.output_mask(), (MaskBits{{0, 1}}));
}

TEST(MaskingTest, ComparesInFloat32) {
  EXPECT_EQ(RunLayer(*MaskingLayer(0.1), {{{0.1f, 0.1f}}}).output_mask(), (MaskBits{{0}}));
}

TEST(MaskingTest, ReadsAValueThatWasGivenAsATensor) {
  const Json tensor = {{"class_name", "__numpy__"},
                       {"config", {{"value", -1.0}, {"dtype", "float32"}}}};

  EXPECT_EQ(RunLayer(*MaskingLayer(tensor), {{{-1, -1}, {1, 1}}}).output_mask(),
            (MaskBits{{0, 1}}));
}

TEST(MaskingTest, RefusesAValueThatIsNotANumber) {
  EXPECT_THAT(Build(Object("Masking", {{"mask_value", "none"}}), Sequences(2)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layer 'layer': 'mask_value' is \"none\""), "MODEL_CONFIG"));
}

TEST(MaskingTest, NeedsATimeAxis) {
  EXPECT_THAT(
      Build(Object("Masking"), Vectors(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected ndim=3"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
