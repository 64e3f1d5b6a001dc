// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that the holder of a lease can return the session, return it unused, drop it, and read what
// the snapshot store has.

#include "core/session/session_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionLeaseTest : public SessionTableFixture {};

TEST_F(SessionLeaseTest, AMovedLeaseReturnsTheSessionOnce) {
  for (const char* id : {"a", "b"}) Open(id).IgnoreError();
  SessionLease first = Take("a");
  SessionLease second = std::move(first);
  const Turn next = Wait("a");
  EXPECT_FALSE(next->has_value());

  second = Take("b");

  EXPECT_TRUE(HasLease(next));
}

TEST_F(SessionLeaseTest, ASessionThatIsReturnedUnusedExpiresAsBefore) {
  OpenDurable("s", absl::Seconds(10));
  clock_.Advance(absl::Seconds(9));
  Take("s").ReturnUnused();
  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(table_->ExpireIdle(), 1);
}

TEST_F(SessionLeaseTest, DroppingASessionLeavesNoTrace) {
  OpenDurable("s");

  EXPECT_TRUE(Take("s").Drop());

  EXPECT_THAT(ErrorOf("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_EQ(table_->usage().sessions, 0);
  EXPECT_EQ(table_->usage().state_bytes, 0);
  OpenDurable("s");
}

TEST_F(SessionLeaseTest, ASessionThatSomebodyWaitsForIsNotDropped) {
  OpenDurable("s");
  SessionLease lease = Take("s");
  const Turn turn = Wait("s");

  EXPECT_FALSE(lease.Drop());
  EXPECT_FALSE(HasLease(turn));
  std::move(lease).Return();

  EXPECT_TRUE(HasLease(turn));
}

TEST_F(SessionLeaseTest, KnowsWhatTheSnapshotStoreHas) {
  OpenDurable("s");
  clock_.Advance(absl::Seconds(7));
  table_->OnDurable("s", 1, 2, 3);
  // These answers of the store come late, one of them to a former owner.
  table_->OnDurable("s", 1, 1, 1);
  table_->OnDurable("s", 0, 9, 9);

  const SessionLease lease = Take("s");

  EXPECT_EQ(lease.durable_version(), 2u);
  EXPECT_EQ(lease.durable_revision(), 3u);
  EXPECT_EQ(lease.snapshot_time(), clock_.Now());
}

}  // namespace
}  // namespace rnnserve::testing
