// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/flush_denormals.h"

#include <gtest/gtest.h>

#include <limits>

// Tests that denormal numbers count as zero inside the scope, and as numbers again after it.

namespace rnnserve {
namespace {

// Keeps the compiler from computing the result at compile time.
float Half(float x) {
  volatile float half = 0.5f;
  return x * half;
}

TEST(FlushDenormalsTest, DenormalNumbersAreZeroInTheScope) {
  const float smallest = std::numeric_limits<float>::min();

  {
    const FlushDenormals flush;
    EXPECT_EQ(Half(smallest), 0.0f);
    EXPECT_EQ(Half(4.0f * smallest), 2.0f * smallest);
  }

  EXPECT_NE(Half(smallest), 0.0f);
}

TEST(FlushDenormalsTest, ScopesCanBeNested) {
  const FlushDenormals outer;
  { const FlushDenormals inner; }

  EXPECT_EQ(Half(std::numeric_limits<float>::min()), 0.0f);
}

}  // namespace
}  // namespace rnnserve
