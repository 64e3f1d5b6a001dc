// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The records of spilled sessions: found by id, forgotten from the oldest on, their places used
// again.

#include "core/checkpoint/spilled_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(3600);

SpilledSessions::Record RecordOf(uint64_t epoch, const std::string& model = "m") {
  return {{epoch, 7, 9}, model, {}, kNow + absl::Seconds(60)};
}

TEST(SpilledSessionsTest, GivesBackWhatWasAdded) {
  SpilledSessions spilled(10);

  spilled.Add("a", RecordOf(3));

  ASSERT_TRUE(spilled.Find("a").has_value());
  EXPECT_EQ(spilled.Find("a")->fence, (SnapshotFence{3, 7, 9}));
  EXPECT_EQ(spilled.Find("a")->model_name, "m");
  EXPECT_EQ(spilled.Find("a")->expiry, kNow + absl::Seconds(60));
  EXPECT_FALSE(spilled.Find("b").has_value());
}

TEST(SpilledSessionsTest, ARecordReplacesThatOfItsId) {
  SpilledSessions spilled(10);
  spilled.Add("a", RecordOf(3));

  spilled.Add("a", RecordOf(4));

  EXPECT_EQ(spilled.size(), 1);
  EXPECT_EQ(spilled.Find("a")->fence.epoch, 4u);
}

TEST(SpilledSessionsTest, ForgetsTheOldestBeyondItsCapacity) {
  SpilledSessions spilled(2);
  spilled.Add("a", RecordOf(1));
  spilled.Add("b", RecordOf(1));
  spilled.Add("a", RecordOf(2));

  spilled.Add("c", RecordOf(1));

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a", "c"));
}

TEST(SpilledSessionsTest, WhatIsErasedMakesRoomForOthers) {
  SpilledSessions spilled(2);
  spilled.Add("a", RecordOf(1));
  for (int i = 0; i < 1000; ++i) {
    spilled.Add(absl::StrCat("b", i), RecordOf(1));
    spilled.Erase(absl::StrCat("b", i));
  }

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a"));
  spilled.Erase("a");
  EXPECT_EQ(spilled.size(), 0);
  EXPECT_THAT(spilled.IdsOf("m", kNow), IsEmpty());
}

TEST(SpilledSessionsTest, ListsTheLiveOnesOfAModel) {
  SpilledSessions spilled(10);
  spilled.Add("a", RecordOf(1));
  spilled.Add("b", RecordOf(1, "other"));
  SpilledSessions::Record expired = RecordOf(1);
  expired.expiry = kNow;
  spilled.Add("c", expired);
  expired.expiry = absl::InfiniteFuture();
  spilled.Add("d", expired);

  EXPECT_THAT(spilled.IdsOf("m", kNow), ElementsAre("a", "d"));
}

TEST(SpilledSessionsTest, AModelStaysWhileOneOfItsSessionsIsHere) {
  SpilledSessions spilled(10);
  SpilledSessions::Record record = RecordOf(1);
  record.model = {DoublingModel(), std::make_shared<int>(1)};
  const Model* const model = record.model.model.get();
  const std::weak_ptr<void> host = record.model.host;
  spilled.Add("a", record);
  spilled.Add("other", RecordOf(1));
  record = {};

  EXPECT_THAT(spilled.IdsOf("m", kNow, model), ElementsAre("a"));
  EXPECT_FALSE(host.expired());
  spilled.Erase("a");
  EXPECT_TRUE(host.expired());
}

}  // namespace
}  // namespace rnnserve::testing
