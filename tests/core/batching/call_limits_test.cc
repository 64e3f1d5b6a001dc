// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests CheckStillWanted: a call is dropped after its deadline or its cancellation.

#include "core/batching/call_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1000);

TEST(CallLimitsTest, ACallWithoutLimitsIsAlwaysWanted) {
  EXPECT_THAT(CheckStillWanted({}, kNow), IsOk());
}

TEST(CallLimitsTest, IsWantedUntilItsDeadline) {
  CallLimits limits;
  limits.deadline = kNow;

  EXPECT_THAT(CheckStillWanted(limits, kNow - absl::Nanoseconds(1)), IsOk());
  EXPECT_THAT(CheckStillWanted(limits, kNow), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(CheckStillWanted(limits, kNow + absl::Milliseconds(7)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("7ms"), "NOT_EXECUTED"));
}

TEST(CallLimitsTest, IsWantedUntilItIsCancelled) {
  CallLimits limits;
  limits.cancellation = std::make_shared<Cancellation>();
  EXPECT_THAT(CheckStillWanted(limits, kNow), IsOk());

  limits.cancellation->Cancel();

  EXPECT_THAT(
      CheckStillWanted(limits, kNow),
      StatusIs(absl::StatusCode::kCancelled, HasSubstr("nothing was executed"), "NOT_EXECUTED"));
}

}  // namespace
}  // namespace rnnserve::testing
