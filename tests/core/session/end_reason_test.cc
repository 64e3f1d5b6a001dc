// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that every end reason has a name of its own, which is a metric label and an error reason.

#include "core/session/end_reason.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace rnnserve {
namespace {

TEST(EndReasonTest, NamesEveryReason) {
  EXPECT_EQ(EndReasonName(EndReason::kClosed), "SESSION_CLOSED");
  EXPECT_EQ(EndReasonName(EndReason::kStreamEnded), "SESSION_STREAM_ENDED");
  EXPECT_EQ(EndReasonName(EndReason::kExpired), "SESSION_EXPIRED");
  EXPECT_EQ(EndReasonName(EndReason::kEvicted), "SESSION_EVICTED");
  EXPECT_EQ(EndReasonName(EndReason::kMoved), "SESSION_MOVED");
  EXPECT_EQ(EndReasonName(EndReason::kBroken), "SESSION_BROKEN");
  EXPECT_EQ(EndReasonName(EndReason::kModelRetired), "SESSION_MODEL_RETIRED");
}

TEST(EndReasonTest, EveryErrorHasTheNameOfItsReason) {
  for (const EndReason reason :
       {EndReason::kClosed, EndReason::kStreamEnded, EndReason::kExpired, EndReason::kEvicted,
        EndReason::kMoved, EndReason::kBroken, EndReason::kModelRetired}) {
    EXPECT_THAT(EndedError(reason),
                testing::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("session"),
                                  std::string(EndReasonName(reason))));
  }
}

}  // namespace
}  // namespace rnnserve
