// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// How idle sessions are found, leased and dropped by who moves them elsewhere.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SessionIdleTest : public SessionTableFixture {
 protected:
  void OpenDurable(const std::string& id, absl::Duration idle_timeout = absl::InfiniteDuration()) {
    ASSERT_THAT(store_->Open({.id = id,
                              .model_name = "m",
                              .model = model_,
                              .state = SessionState(*model_),
                              .idle_timeout = idle_timeout,
                              .durability = Durability::kAsync}),
                IsOk());
  }
  std::vector<std::string> Look(int64_t num_sessions,
                                absl::Duration min_idle = absl::ZeroDuration()) {
    std::vector<std::string> ids;
    for (const auto& session : store_->LookForIdle(num_sessions, min_idle)) {
      ids.push_back(session.id);
    }
    return ids;
  }
};

TEST_F(SessionIdleTest, ALookGoesOnWhereTheOneBeforeEndedAndRound) {
  for (int i = 0; i < 5; ++i) OpenDurable(absl::StrCat("s", i));

  EXPECT_THAT(Look(2), ElementsAre("s0", "s1"));
  EXPECT_THAT(Look(2), ElementsAre("s2", "s3"));
  EXPECT_THAT(Look(2), ElementsAre("s4", "s0"));
  EXPECT_THAT(Look(100), UnorderedElementsAre("s0", "s1", "s2", "s3", "s4"));
}

TEST_F(SessionIdleTest, ALookFindsManyMoreThanItLooksAtInOneGo) {
  for (int i = 0; i < 1000; ++i) OpenDurable(absl::StrCat("s", i));

  EXPECT_EQ(Look(1000).size(), 1000u);
}

TEST_F(SessionIdleTest, ALookFindsWhatIsFreeDurableIdleAndNotExpired) {
  OpenDurable("free");
  OpenDurable("leased");
  OpenDurable("expired", absl::Seconds(5));
  ASSERT_THAT(Open("not durable"), IsOk());
  clock_.Advance(absl::Seconds(10));
  OpenDurable("used");
  const SessionLease lease = Take("leased");

  EXPECT_THAT(Look(100, absl::Seconds(10)), ElementsAre("free"));
  EXPECT_THAT(Look(100), UnorderedElementsAre("free", "used"));
}

TEST_F(SessionIdleTest, AnEmptyStoreHasNone) { EXPECT_THAT(Look(100), IsEmpty()); }

TEST_F(SessionIdleTest, WhatWasUsedSinceIsNotLeased) {
  OpenDurable("s");
  const auto idle = store_->LookForIdle(1, absl::ZeroDuration());
  clock_.Advance(absl::Seconds(1));
  Take("s").Return();

  EXPECT_FALSE(store_->LeaseIdle(idle.at(0)).has_value());
  EXPECT_TRUE(store_->LeaseIdle(store_->LookForIdle(1, absl::ZeroDuration()).at(0)).has_value());
}

TEST_F(SessionIdleTest, WhatIsDroppedIsGoneWithoutAWord) {
  OpenDurable("s");

  EXPECT_TRUE(Take("s").Drop());

  EXPECT_THAT(ErrorOf("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_EQ(store_->usage().sessions, 0);
  EXPECT_EQ(store_->usage().state_bytes, 0);
  OpenDurable("s");
}

TEST_F(SessionIdleTest, WhatIsWaitedForIsNotDropped) {
  OpenDurable("s");
  SessionLease lease = Take("s");
  const Turn turn = Wait("s");

  EXPECT_FALSE(lease.Drop());
  EXPECT_FALSE(HasLease(turn));
  std::move(lease).Return();

  EXPECT_TRUE(HasLease(turn));
}

TEST_F(SessionIdleTest, WhatIsReturnedUnusedExpiresAsBefore) {
  OpenDurable("s", absl::Seconds(10));
  clock_.Advance(absl::Seconds(9));
  Take("s").ReturnUnused();
  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(store_->ExpireIdle(), 1);
}

TEST_F(SessionIdleTest, TheStoreOfSnapshotsTellsWhatItHas) {
  OpenDurable("s");
  clock_.Advance(absl::Seconds(7));
  store_->OnDurable("s", 1, 2, 3);
  // Late, and of a former owner.
  store_->OnDurable("s", 1, 1, 1);
  store_->OnDurable("s", 0, 9, 9);

  const SessionLease lease = Take("s");

  EXPECT_EQ(lease.durable_version(), 2u);
  EXPECT_EQ(lease.durable_revision(), 3u);
  EXPECT_EQ(lease.snapshot_time(), clock_.Now());
}

}  // namespace
}  // namespace rnnserve::testing
