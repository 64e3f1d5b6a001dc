// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/cancellation.h"

#include <gtest/gtest.h>

// Tests that a Cancellation can be set and is never cleared.

namespace rnnserve {
namespace {

TEST(CancellationTest, IsNotCancelledAtFirst) { EXPECT_FALSE(Cancellation().is_cancelled()); }

TEST(CancellationTest, StaysCancelled) {
  Cancellation cancellation;

  cancellation.Cancel();
  cancellation.Cancel();

  EXPECT_TRUE(cancellation.is_cancelled());
}

}  // namespace
}  // namespace rnnserve
