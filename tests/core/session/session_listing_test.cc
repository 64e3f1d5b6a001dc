// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests listing sessions: the order of ids, pages, filters, and the content of a summary.

#include "core/session/session_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kMinute = absl::Minutes(1);

class SessionListingTest : public SessionTableFixture {
 protected:
  std::vector<std::string> Ids(const SessionFilter& filter = {}, const std::string& after = "",
                               int64_t limit = 100) {
    std::vector<std::string> ids;
    for (const auto& summary : table_->List(filter, after, limit)) ids.push_back(summary.id);
    return ids;
  }
};

TEST_F(SessionListingTest, ListsTheSessionsThatPassTheFilter) {
  for (const char* id : {"a", "b", "b1", "b2", "c"}) ASSERT_THAT(Open(id), IsOk());
  clock_.Advance(absl::Seconds(10));
  Take("b1");

  EXPECT_THAT(Ids({.id_prefix = "b"}, "", 10), ElementsAre("b", "b1", "b2"));
  EXPECT_THAT(Ids({.id_prefix = "b"}, "", 1), ElementsAre("b"));
  EXPECT_THAT(Ids({.id_prefix = "b"}, "b", 10), ElementsAre("b1", "b2"));
  EXPECT_THAT(Ids({.id_prefix = "b"}, "b2", 10), IsEmpty());
  EXPECT_THAT(Ids({.id_prefix = "bb"}, "", 10), IsEmpty());
  EXPECT_THAT(Ids({.min_idle = absl::Seconds(10)}, "", 10), ElementsAre("a", "b", "b2", "c"));
  EXPECT_THAT(Ids({.id_prefix = "b", .min_idle = absl::Seconds(11)}, "", 10), IsEmpty());
}

TEST_F(SessionListingTest, ListsInTheOrderOfIdsPageByPage) {
  for (const char* id : {"c", "a", "d", "b"}) Open(id).IgnoreError();

  EXPECT_THAT(Ids({}, "", 3), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Ids({}, "c", 3), ElementsAre("d"));
  EXPECT_THAT(Ids({}, "d", 3), IsEmpty());
}

// There are more sessions than are listed or expired while the lock is held once.
TEST_F(SessionListingTest, ListsAndExpiresManySessions) {
  for (int i = 100; i < 300; ++i) {
    Open(std::to_string(i), kMinute, i % 2 == 0 ? "even" : "odd").IgnoreError();
  }
  std::vector<std::string> odd;
  for (int i = 101; i < 300; i += 2) odd.push_back(std::to_string(i));

  EXPECT_THAT(Ids({}, "", 1000), SizeIs(200));
  EXPECT_THAT(Ids({.model_name = "odd"}, "", 1000), ElementsAreArray(odd));
  EXPECT_THAT(Ids({.model_name = "odd"}, "198", 1), ElementsAre("199"));
  clock_.Advance(kMinute);
  EXPECT_EQ(table_->ExpireIdle(), 200);
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(SessionListingTest, ListsTheSessionsOfOneModel) {
  Open("a").IgnoreError();
  Open("b", absl::InfiniteDuration(), "other").IgnoreError();

  EXPECT_THAT(Ids({.model_name = "other"}), ElementsAre("b"));
}

TEST_F(SessionListingTest, SummarizesASession) {
  Open("a").IgnoreError();
  {
    SessionLease lease = Take("a");
    lease.CommitStep();
    lease.CommitStep();
  }
  clock_.Advance(absl::Seconds(3));

  const SessionSummary summary = table_->List({}, "", 1).front();

  EXPECT_EQ(summary.model_name, "m");
  EXPECT_EQ(summary.version, 2u);
  EXPECT_EQ(summary.epoch, 1u);
  EXPECT_TRUE(summary.detached);
  EXPECT_EQ(summary.idle, absl::Seconds(3));
  EXPECT_EQ(summary.state_bytes, model_->state_layout().bytes());
}

TEST_F(SessionListingTest, ASessionInUseIsNotIdle) {
  Open("a").IgnoreError();
  const SessionLease lease = Take("a");
  clock_.Advance(absl::Seconds(3));

  EXPECT_EQ(table_->List({}, "", 1).front().idle, absl::ZeroDuration());
}

}  // namespace
}  // namespace rnnserve::testing
