// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the rules of fences with one case of each kind. The contract test of the stores tries all
// small numbers.

#include "core/snapshot/snapshot_fence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr SnapshotFence kStored = {.epoch = 5, .nonce = 70, .version = 900};

TEST(SnapshotFenceTest, AcceptsAnyWriterIfNothingIsStored) {
  EXPECT_EQ(JudgeFence(std::nullopt, SnapshotFence()), FenceVerdict::kAccepted);
}

TEST(SnapshotFenceTest, AcceptsALaterEpochWhateverItsVersion) {
  EXPECT_EQ(JudgeFence(kStored, {6, 1, 1}), FenceVerdict::kAccepted);
}

TEST(SnapshotFenceTest, AcceptsALaterVersionOfTheSameOwner) {
  EXPECT_EQ(JudgeFence(kStored, {5, 70, 901}), FenceVerdict::kAccepted);
}

TEST(SnapshotFenceTest, RecognizesAVersionThatIsStoredAlready) {
  EXPECT_EQ(JudgeFence(kStored, kStored), FenceVerdict::kAlreadyStored);
}

TEST(SnapshotFenceTest, DistinguishesAnOlderVersionFromAnotherOwner) {
  EXPECT_EQ(JudgeFence(kStored, {5, 70, 899}), FenceVerdict::kStaleVersion);
  EXPECT_EQ(JudgeFence(kStored, {5, 71, 901}), FenceVerdict::kFenced);
  EXPECT_EQ(JudgeFence(kStored, {4, 70, 901}), FenceVerdict::kFenced);
}

TEST(SnapshotFenceTest, AFirstSnapshotReplacesNothingWhateverItsEpoch) {
  EXPECT_EQ(JudgeFirst(std::nullopt, {6, 1, 0}), FenceVerdict::kAccepted);
  EXPECT_EQ(JudgeFirst(SnapshotFence{0, 0, 900}, {6, 1, 0}), FenceVerdict::kAccepted);
  EXPECT_EQ(JudgeFirst(kStored, {6, 1, 0}), FenceVerdict::kFenced);
  EXPECT_EQ(JudgeFirst(kStored, {5, 70, 901}), FenceVerdict::kFenced);
  EXPECT_EQ(JudgeFirst(kStored, kStored), FenceVerdict::kAlreadyStored);
}

TEST(SnapshotFenceTest, ErrorsNameBothNumbers) {
  EXPECT_THAT(FencedError(5, 4),
              StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("epoch 5"), HasSubstr("has 4")),
                       "FENCED"));
  EXPECT_THAT(StaleVersionError(900, 899),
              StatusIs(absl::StatusCode::kAborted,
                       AllOf(HasSubstr("version 900"), HasSubstr("version 899")), "STALE_VERSION"));
}

}  // namespace
}  // namespace rnnserve::testing
