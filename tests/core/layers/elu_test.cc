// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests ELU.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

TEST(EluTest, IsTheIdentityAboveZeroAndExponentialBelow) {
  const auto layer = Build(Object("ELU"), Vectors(3));
  ASSERT_THAT(layer, IsOk());

  EXPECT_THAT(RunLayer(**layer, {{{-1, 0, 2}}}).y(), NearValues({{{-0.63212056f, 0, 2}}}));
}

TEST(EluTest, ScalesByAlpha) {
  const auto layer = Build(Object("ELU", {{"alpha", 0.5}}), Vectors(2));
  ASSERT_THAT(layer, IsOk());

  EXPECT_THAT(RunLayer(**layer, {{{-1, 2}}}).y(), NearValues({{{-0.31606028f, 2}}}));
}

TEST(EluTest, RefusesAnAlphaThatIsNotANumber) {
  EXPECT_THAT(Build(Object("ELU", {{"alpha", "big"}}), Vectors(2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'alpha'"), "MODEL_CONFIG"));
}

}  // namespace
}  // namespace rnnserve::testing
