// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the line of a session: one lease at a time, in the order of the calls. Tests with threads
// are in session_table_threads_test.cc.

#include "core/session/session_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SessionLineTest : public SessionTableFixture {
 protected:
  void SetUp() override {
    for (const char* id : {"a", "b", "c"}) Open(id).IgnoreError();
  }
};

TEST_F(SessionLineTest, LeasesToOneCallerAtATime) {
  const Turn first = Wait("a");
  const Turn second = Wait("a");

  EXPECT_TRUE(HasLease(first));
  EXPECT_FALSE(second->has_value());
  Return(first);
  EXPECT_TRUE(HasLease(second));
}

TEST_F(SessionLineTest, SessionsDoNotWaitForEachOther) {
  const Turn a = Wait("a");
  const Turn b = Wait("b");

  EXPECT_TRUE(HasLease(a));
  EXPECT_TRUE(HasLease(b));
}

TEST_F(SessionLineTest, LeaseFreeLeasesOnlyFreeSessions) {
  const Turn holder = Wait("b");

  auto leases = table_->LeaseFree(std::vector<std::string>{"a", "b", "nothing", "c", "a"});

  ASSERT_THAT(leases, SizeIs(5));
  ASSERT_TRUE(leases[0].has_value());
  EXPECT_EQ(leases[0]->id(), "a");
  EXPECT_FALSE(leases[1].has_value());
  EXPECT_FALSE(leases[2].has_value());
  ASSERT_TRUE(leases[3].has_value());
  EXPECT_EQ(leases[3]->id(), "c");
  EXPECT_FALSE(leases[4].has_value());
  // Later callers wait for this lease as for any other.
  const Turn next = Wait("a");
  EXPECT_FALSE(next->has_value());
  leases[0].reset();
  EXPECT_TRUE(HasLease(next));
}

TEST_F(SessionLineTest, ServesTheLineInTheOrderOfTheCalls) {
  const Turn holder = Wait("a");
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    table_->Lease("a", [&order, i](absl::StatusOr<SessionLease>) { order.push_back(i); });
  }

  Return(holder);

  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(SessionLineTest, RefusesOneCallerTooMany) {
  SessionTable::Options options;
  options.max_waiting = 2;
  Restart(options);
  Open("a").IgnoreError();
  const Turn holder = Wait("a");
  const Turn first = Wait("a");
  const Turn second = Wait("a");

  EXPECT_THAT(ErrorOf("a"), StatusIs(absl::StatusCode::kResourceExhausted,
                                     HasSubstr("2 calls of the session are waiting, of at most 2"),
                                     "SESSION_QUEUE_LIMIT"));

  Return(holder);
  EXPECT_TRUE(HasLease(first));
  EXPECT_FALSE(Wait("a")->has_value());
}

TEST_F(SessionLineTest, TheEndOfASessionAnswersItsLine) {
  SessionLease lease = Take("a");
  const Turn first = Wait("a");
  const Turn second = Wait("a");

  std::move(lease).End(EndReason::kClosed);

  for (const Turn& turn : {first, second}) {
    EXPECT_THAT(**turn,
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  }
}

TEST_F(SessionLineTest, ASessionCanEndInsideACallback) {
  std::vector<absl::StatusCode> codes;
  const Turn holder = Wait("a");
  table_->Lease(
      "a", [](absl::StatusOr<SessionLease> lease) { (*std::move(lease)).End(EndReason::kClosed); });
  table_->Lease(
      "a", [&](absl::StatusOr<SessionLease> lease) { codes.push_back(lease.status().code()); });

  Return(holder);

  EXPECT_THAT(codes, ElementsAre(absl::StatusCode::kNotFound));
  EXPECT_THAT(ErrorOf("a"), StatusIs(absl::StatusCode::kNotFound));
}

// The tests below drive a SessionLine alone, as SessionTable does under its lock.
SessionLine::Caller CallerOf(uint64_t version) {
  return {[](const absl::StatusOr<SessionLease>&) {}, version};
}

TEST(SessionLineStateTest, OnlyTheFirstToEnterAFreeLineServesIt) {
  SessionLine line;

  EXPECT_TRUE(line.Enter(CallerOf(1)));
  EXPECT_FALSE(line.Enter(CallerOf(2)));

  EXPECT_TRUE(line.is_served());
  EXPECT_EQ(line.num_waiting(), 2u);
}

TEST(SessionLineStateTest, ReturnServesTheLineIfSomebodyWaitsAndNobodyServesIt) {
  SessionLine line;
  line.Lease();
  EXPECT_FALSE(line.Enter(CallerOf(1)));
  EXPECT_FALSE(line.is_served());

  EXPECT_TRUE(line.Return());

  EXPECT_TRUE(line.is_served());
  line.Lease();
  EXPECT_FALSE(line.Return());
}

TEST(SessionLineStateTest, NextTakesCallersInOrderUntilNobodyWaits) {
  SessionLine line;
  line.Enter(CallerOf(1));
  line.Enter(CallerOf(2));

  EXPECT_EQ(line.Next()->version_on_arrival, 1u);
  EXPECT_EQ(line.Next()->version_on_arrival, 2u);
  EXPECT_FALSE(line.Next().has_value());

  EXPECT_TRUE(line.is_free());
}

TEST(SessionLineStateTest, NextStopsServingWhileTheSessionIsLeased) {
  SessionLine line;
  line.Enter(CallerOf(1));
  line.Lease();

  EXPECT_FALSE(line.Next().has_value());

  EXPECT_FALSE(line.is_served());
  EXPECT_EQ(line.num_waiting(), 1u);
}

TEST(SessionLineStateTest, AnEndedSessionStaysLeasedWithNobodyInLine) {
  SessionLine line;
  line.Lease();
  line.Enter(CallerOf(1));

  EXPECT_EQ(line.TakeWaiting()->size(), 1u);
  line.End();

  EXPECT_TRUE(line.has_ended());
  EXPECT_TRUE(line.is_leased());
  EXPECT_EQ(line.num_waiting(), 0u);
}

}  // namespace
}  // namespace rnnserve::testing
