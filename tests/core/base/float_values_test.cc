// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/float_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <type_traits>
#include <utility>

// Tests that FloatValues behaves like a vector. Unlike a vector's, its resize leaves new values
// uninitialized. That cannot be tested, because a test must not read a value that was never
// written.

namespace rnnserve {
namespace {

using ::testing::ElementsAre;

TEST(FloatValuesTest, HoldsTheValuesItWasGiven) {
  FloatValues values(2, 1.5f);
  values.resize(4, 0.0f);
  values.push_back(7.0f);

  EXPECT_THAT(values, ElementsAre(1.5f, 1.5f, 0.0f, 0.0f, 7.0f));
}

TEST(FloatValuesTest, KeepsItsValuesWhenItGrows) {
  FloatValues values = {1.0f, 2.0f};

  values.resize(10'000);
  values.resize(2);

  EXPECT_THAT(values, ElementsAre(1.0f, 2.0f));
}

TEST(FloatValuesTest, AMoveTakesTheMemory) {
  FloatValues values(100, 3.0f);
  const float* const memory = values.data();

  const FloatValues moved = std::move(values);

  EXPECT_EQ(moved.data(), memory);
}

TEST(FloatValuesTest, TheAllocatorWorksForOtherTypes) {
  using Rebound = std::allocator_traits<NoValueAllocator<float>>::rebind_alloc<int>;

  EXPECT_TRUE((std::is_same_v<Rebound, NoValueAllocator<int>>));
}

}  // namespace
}  // namespace rnnserve
