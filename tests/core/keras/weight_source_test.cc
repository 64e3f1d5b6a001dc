// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/keras/weight_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

// Tests that a scope converts short names to paths and passes on the errors of its source.

namespace rnnserve {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename... Text>
auto WeightError(Text... text) {
  return StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(text)...), "MODEL_WEIGHTS");
}

TEST(ScopedWeightsTest, FindsWeightsBelowItsPath) {
  WeightMap weights;
  weights.Add("rnn/cells/1/bias", {2}, {1, 2});
  ScopedWeights layer(weights, "rnn");
  ScopedWeights cell(layer, "cells/1");

  const auto bias = cell.Weight("bias", {2});

  ASSERT_THAT(bias, IsOk());
  EXPECT_THAT(*bias, ElementsAre(1, 2));
}

TEST(ScopedWeightsTest, ErrorsNameTheWholePath) {
  WeightMap weights;
  weights.Add("rnn/bias", {2}, {1, 2});
  ScopedWeights layer(weights, "rnn");

  EXPECT_THAT(layer.Weight("kernel", {3, 2}), WeightError("'rnn/kernel'", "[3, 2]"));
  EXPECT_THAT(layer.Weight("bias", {3}), WeightError("'rnn/bias'", "[2]", "[3]"));
}

TEST(WeightMapTest, RejectsValuesThatAreNotFinite) {
  WeightMap weights;
  weights.Add("bias", {2}, {1, std::numeric_limits<float>::infinity()});

  EXPECT_THAT(weights.Weight("bias", {2}), WeightError("'bias'", "inf"));
}

}  // namespace
}  // namespace rnnserve
