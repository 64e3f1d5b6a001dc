// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests leases of several sessions: all together (LeaseAll), or the sessions of a model one by one,
// each when its turn comes (LeaseEach).

#include "core/session/lease_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LeaseGroupTest : public SessionTableFixture {
 protected:
  using Turns = std::shared_ptr<std::optional<absl::StatusOr<std::vector<SessionLease>>>>;

  void SetUp() override {
    for (const char* id : {"a", "b", "c"}) Open(id).IgnoreError();
  }
  Turns WaitForAll(const std::vector<std::string>& ids) {
    auto turns = std::make_shared<std::optional<absl::StatusOr<std::vector<SessionLease>>>>();
    table_->LeaseAll(ids, [turns](auto leases) { *turns = std::move(leases); });
    return turns;
  }
};

TEST_F(LeaseGroupTest, LeasesSeveralInTheOrderOfTheRequest) {
  const Turns turns = WaitForAll({"c", "a"});

  ASSERT_TRUE(turns->has_value());
  ASSERT_THAT(**turns, IsOk());
  EXPECT_EQ((**turns)->at(0).id(), "c");
  EXPECT_EQ((**turns)->at(1).id(), "a");
}

TEST_F(LeaseGroupTest, SeveralWaitUntilTheLastIsFree) {
  const Turn holder = Wait("b");
  const Turns turns = WaitForAll({"a", "b"});

  EXPECT_FALSE(turns->has_value());
  // The call is already in line for session a, so a later caller waits behind it.
  EXPECT_FALSE(HasLease(Wait("a")));
  Return(holder);
  EXPECT_THAT(**turns, IsOk());
}

TEST_F(LeaseGroupTest, SeveralGetInNoLineIfOneIsUnknown) {
  const Turns turns = WaitForAll({"a", "none", "b"});

  EXPECT_THAT(**turns,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_TRUE(HasLease(Wait("a")));
}

TEST_F(LeaseGroupTest, SeveralFailIfOneEndsMeanwhile) {
  SessionLease b = Take("b");
  const Turns turns = WaitForAll({"a", "b", "c"});

  std::move(b).End(EndReason::kClosed);

  EXPECT_THAT(**turns,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  EXPECT_TRUE(HasLease(Wait("a")));
  EXPECT_TRUE(HasLease(Wait("c")));
}

TEST_F(LeaseGroupTest, CallsForSeveralInOppositeOrderDoNotBlockEachOther) {
  const Turn a = Wait("a");
  const Turn b = Wait("b");
  const Turns forward = WaitForAll({"a", "b"});
  const Turns backward = WaitForAll({"b", "a"});

  Return(b);
  Return(a);

  ASSERT_TRUE(forward->has_value());
  EXPECT_FALSE(backward->has_value());
  forward->reset();
  EXPECT_TRUE(backward->has_value());
}

TEST_F(LeaseGroupTest, LeasesEachSessionOfAModelInItsTurn) {
  Open("d", absl::InfiniteDuration(), "other").IgnoreError();
  const Turn holder = Wait("b");
  std::vector<std::string> ids;
  int64_t num_leased = -1;

  table_->LeaseEach(
      "m", [&](const SessionLease& lease) { ids.push_back(lease.id()); },
      [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  EXPECT_THAT(ids, ElementsAre("a", "c"));
  EXPECT_EQ(num_leased, -1);
  Return(holder);
  EXPECT_THAT(ids, ElementsAre("a", "c", "b"));
  EXPECT_EQ(num_leased, 3);
}

TEST_F(LeaseGroupTest, DoesNotCountASessionThatEndedBeforeItsTurn) {
  SessionLease b = Take("b");
  int64_t num_leased = -1;
  table_->LeaseEach(
      "m", [](const SessionLease&) {}, [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  std::move(b).End(EndReason::kClosed);

  EXPECT_EQ(num_leased, 2);
}

TEST_F(LeaseGroupTest, LeasesNoSessionOfAModelIfALineIsFull) {
  SessionTable::Options options;
  options.max_waiting = 1;
  Restart(options);
  Open("a").IgnoreError();
  Open("b").IgnoreError();
  const Turn holder = Wait("b");
  const Turn waiting = Wait("b");
  int num_leased = 0;
  absl::Status status;

  table_->LeaseEach(
      "m", [&](const SessionLease&) { ++num_leased; },
      [&](absl::StatusOr<int64_t> count) { status = count.status(); });

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1 calls"),
                               "SESSION_QUEUE_LIMIT"));
  EXPECT_EQ(num_leased, 0);
}

TEST_F(LeaseGroupTest, AModelWithoutSessionsIsDoneAtOnce) {
  int64_t num_leased = -1;

  table_->LeaseEach(
      "other", [](const SessionLease&) {},
      [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  EXPECT_EQ(num_leased, 0);
}

}  // namespace
}  // namespace rnnserve::testing
