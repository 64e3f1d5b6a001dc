// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/weight_type.h"

#include <gtest/gtest.h>

// Tests the names of weight types, and how many weights share a word.

namespace rnnserve {
namespace {

TEST(WeightTypeTest, IsFoundByItsName) {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16, WeightType::kInt8}) {
    EXPECT_EQ(WeightTypeFromName(WeightTypeName(type)), type);
  }
  EXPECT_EQ(WeightTypeFromName("float16"), std::nullopt);
}

TEST(WeightTypeTest, NarrowWeightsShareAWord) {
  EXPECT_EQ(WeightsPerWord(WeightType::kFloat32), 1);
  EXPECT_EQ(WeightsPerWord(WeightType::kBfloat16), 2);
  EXPECT_EQ(WeightsPerWord(WeightType::kInt8), 4);
}

}  // namespace
}  // namespace rnnserve
