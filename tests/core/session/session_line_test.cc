// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The line of a session: one lease at a time, in the order of the calls, whatever the callbacks do;
// and getting in several lines at once. No threads: those are in session_table_threads_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "core/session/session_table.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Where the stack of the running thread ends. The address of a local would not do: with
// AddressSanitizer locals live elsewhere.
ABSL_ATTRIBUTE_NOINLINE uintptr_t StackDepth() {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

class SessionLineTest : public SessionTableFixture {
 protected:
  using Turns = std::shared_ptr<std::optional<absl::StatusOr<std::vector<SessionLease>>>>;

  void SetUp() override {
    for (const char* id : {"a", "b", "c"}) Open(id).IgnoreError();
  }
  Turns WaitForAll(const std::vector<std::string>& ids) {
    auto turns = std::make_shared<std::optional<absl::StatusOr<std::vector<SessionLease>>>>();
    store_->LeaseAll(ids, [turns](auto leases) { *turns = std::move(leases); });
    return turns;
  }
  static void Return(const Turn& turn) { turn->reset(); }
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

TEST_F(SessionLineTest, LeasesThoseThatAreFree) {
  const Turn holder = Wait("b");

  auto leases = store_->LeaseFree(std::vector<std::string>{"a", "b", "nothing", "c", "a"});

  ASSERT_THAT(leases, SizeIs(5));
  ASSERT_TRUE(leases[0].has_value());
  EXPECT_EQ(leases[0]->id(), "a");
  EXPECT_FALSE(leases[1].has_value());
  EXPECT_FALSE(leases[2].has_value());
  ASSERT_TRUE(leases[3].has_value());
  EXPECT_EQ(leases[3]->id(), "c");
  EXPECT_FALSE(leases[4].has_value());
  // Those that come now wait for it, as for any other lease.
  const Turn next = Wait("a");
  EXPECT_FALSE(next->has_value());
  leases[0].reset();
  EXPECT_TRUE(HasLease(next));
}

TEST_F(SessionLineTest, ServesTheLineInTheOrderOfTheCalls) {
  const Turn holder = Wait("a");
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    store_->Lease("a", [&order, i](absl::StatusOr<SessionLease>) { order.push_back(i); });
  }

  Return(holder);

  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(SessionLineTest, ACallInsideACallbackGetsInLine) {
  std::vector<int> order;
  store_->Lease("a", [&](absl::StatusOr<SessionLease>) {
    store_->Lease("a", [&](absl::StatusOr<SessionLease>) { order.push_back(2); });
    order.push_back(1);
  });

  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST_F(SessionLineTest, ALongLineDoesNotDeepenTheStack) {
  constexpr int kCallers = 100'000;
  SessionTable::Options options;
  options.max_waiting = kCallers;
  Restart(options);
  Open("a").IgnoreError();
  const Turn holder = Wait("a");
  uintptr_t lowest = std::numeric_limits<uintptr_t>::max();
  uintptr_t highest = 0;
  int num_served = 0;
  for (int i = 0; i < kCallers; ++i) {
    store_->Lease("a", [&](absl::StatusOr<SessionLease>) {
      lowest = std::min(lowest, StackDepth());
      highest = std::max(highest, StackDepth());
      ++num_served;
    });
  }

  Return(holder);

  EXPECT_EQ(num_served, kCallers);
  EXPECT_LT(highest - lowest, 4096u);
}

// Each caller waits for two sessions, of which the caller before it holds one.
TEST_F(SessionLineTest, ALongChainOfSessionsDoesNotDeepenTheStack) {
  constexpr int kSessions = 2'000;
  Restart({});
  for (int i = 0; i < kSessions; ++i) Open(std::to_string(i)).IgnoreError();
  const Turn holder = Wait("0");
  uintptr_t lowest = std::numeric_limits<uintptr_t>::max();
  uintptr_t highest = 0;
  int num_served = 0;
  for (int i = 1; i < kSessions; ++i) {
    store_->LeaseAll({std::to_string(i - 1), std::to_string(i)}, [&](const auto& leases) {
      lowest = std::min(lowest, StackDepth());
      highest = std::max(highest, StackDepth());
      if (leases.ok()) ++num_served;
    });
  }
  ASSERT_EQ(num_served, 0);

  Return(holder);

  EXPECT_EQ(num_served, kSessions - 1);
  EXPECT_LT(highest - lowest, 4096u);
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
  store_->Lease(
      "a", [](absl::StatusOr<SessionLease> lease) { (*std::move(lease)).End(EndReason::kClosed); });
  store_->Lease(
      "a", [&](absl::StatusOr<SessionLease> lease) { codes.push_back(lease.status().code()); });

  Return(holder);

  EXPECT_THAT(codes, ElementsAre(absl::StatusCode::kNotFound));
  EXPECT_THAT(ErrorOf("a"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SessionLineTest, AMovedLeaseReturnsTheSessionOnce) {
  SessionLease first = Take("a");
  SessionLease second = std::move(first);
  const Turn next = Wait("a");
  EXPECT_FALSE(next->has_value());

  second = Take("b");

  EXPECT_TRUE(HasLease(next));
}

TEST_F(SessionLineTest, LeasesSeveralTogetherInTheOrderAskedFor) {
  const Turns turns = WaitForAll({"c", "a"});

  ASSERT_TRUE(turns->has_value());
  ASSERT_THAT(**turns, IsOk());
  EXPECT_EQ((**turns)->at(0).id(), "c");
  EXPECT_EQ((**turns)->at(1).id(), "a");
}

TEST_F(SessionLineTest, SeveralTogetherWaitForTheLast) {
  const Turn holder = Wait("b");
  const Turns turns = WaitForAll({"a", "b"});

  EXPECT_FALSE(turns->has_value());
  // In line for a already: who comes later waits behind.
  EXPECT_FALSE(HasLease(Wait("a")));
  Return(holder);
  EXPECT_THAT(**turns, IsOk());
}

TEST_F(SessionLineTest, SeveralTogetherGetInNoLineIfOneIsUnknown) {
  const Turns turns = WaitForAll({"a", "none", "b"});

  EXPECT_THAT(**turns,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_TRUE(HasLease(Wait("a")));
}

TEST_F(SessionLineTest, SeveralTogetherFailIfOneEndsMeanwhile) {
  SessionLease b = Take("b");
  const Turns turns = WaitForAll({"a", "b", "c"});

  std::move(b).End(EndReason::kClosed);

  EXPECT_THAT(**turns,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  EXPECT_TRUE(HasLease(Wait("a")));
  EXPECT_TRUE(HasLease(Wait("c")));
}

TEST_F(SessionLineTest, CrossedCallsForSeveralDoNotBlockEachOther) {
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

TEST_F(SessionLineTest, LeasesEachSessionOfAModelInItsTurn) {
  Open("d", absl::InfiniteDuration(), "other").IgnoreError();
  const Turn holder = Wait("b");
  std::vector<std::string> ids;
  int64_t num_leased = -1;

  store_->LeaseEach(
      "m", [&](const SessionLease& lease) { ids.push_back(lease.id()); },
      [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  EXPECT_THAT(ids, ElementsAre("a", "c"));
  EXPECT_EQ(num_leased, -1);
  Return(holder);
  EXPECT_THAT(ids, ElementsAre("a", "c", "b"));
  EXPECT_EQ(num_leased, 3);
}

TEST_F(SessionLineTest, DoesNotCountASessionThatEndedBeforeItsTurn) {
  SessionLease b = Take("b");
  int64_t num_leased = -1;
  store_->LeaseEach(
      "m", [](const SessionLease&) {}, [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  std::move(b).End(EndReason::kClosed);

  EXPECT_EQ(num_leased, 2);
}

TEST_F(SessionLineTest, LeasesNoSessionOfAModelIfALineIsFull) {
  SessionTable::Options options;
  options.max_waiting = 1;
  Restart(options);
  Open("a").IgnoreError();
  Open("b").IgnoreError();
  const Turn holder = Wait("b");
  const Turn waiting = Wait("b");
  int num_leased = 0;
  absl::Status status;

  store_->LeaseEach(
      "m", [&](const SessionLease&) { ++num_leased; },
      [&](absl::StatusOr<int64_t> count) { status = count.status(); });

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1 calls"),
                               "SESSION_QUEUE_LIMIT"));
  EXPECT_EQ(num_leased, 0);
}

TEST_F(SessionLineTest, AModelWithoutSessionsIsDoneAtOnce) {
  int64_t num_leased = -1;

  store_->LeaseEach(
      "other", [](const SessionLease&) {},
      [&](absl::StatusOr<int64_t> count) { num_leased = *count; });

  EXPECT_EQ(num_leased, 0);
}

}  // namespace
}  // namespace rnnserve::testing
