// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that SessionTable opens sessions within its limits, ends them, and remembers their ends.
// The parts of the table have tests of their own.

#include "core/session/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kMinute = absl::Minutes(1);

class SessionTableTest : public SessionTableFixture {};

TEST_F(SessionTableTest, OpensWithTheIdOfTheClient) {
  EXPECT_EQ(*Open("a"), "a");

  const SessionLease lease = Take("a");
  EXPECT_EQ(lease.id(), "a");
  EXPECT_EQ(lease.model_name(), "m");
  EXPECT_EQ(lease.model(), model_);
  EXPECT_EQ(lease.version(), 0u);
  EXPECT_EQ(lease.epoch(), 1u);
}

TEST_F(SessionTableTest, ChoosesARandomId) {
  const std::string first = *Open("");
  const std::string second = *Open("");

  EXPECT_THAT(first, SizeIs(32));
  EXPECT_NE(first, second);
}

TEST_F(SessionTableTest, RefusesAnIdThatIsOpen) {
  Open("a").IgnoreError();

  EXPECT_THAT(Open("a"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("is open"), "SESSION_EXISTS"));
  EXPECT_EQ(table_->usage("m").sessions, 1);
}

TEST_F(SessionTableTest, RefusesOneSessionTooMany) {
  SessionTable::Options options;
  options.max_sessions = 2;
  options.retry_delay = absl::Milliseconds(70);
  Restart(options);
  Open("a").IgnoreError();
  Open("b").IgnoreError();

  const absl::Status refused = Open("c").status();

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr("2 sessions are open, of at most 2"), "SESSION_LIMIT"));
  EXPECT_EQ(RetryDelay(refused), absl::Milliseconds(70));
  Close("a");
  EXPECT_THAT(Open("c"), IsOk());
}

TEST_F(SessionTableTest, RefusesOneStateBeyondTheBytes) {
  SessionTable::Options options;
  options.max_state_bytes = model_->state_layout().bytes() * 2 + 1;
  Restart(options);
  Open("a").IgnoreError();
  Open("b").IgnoreError();

  EXPECT_THAT(Open("c"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr(std::to_string(options.max_state_bytes)), "STATE_BYTES_LIMIT"));
  Close("a");
  EXPECT_THAT(Open("c"), IsOk());
}

TEST_F(SessionTableTest, CountsWhatEachModelUses) {
  Open("a").IgnoreError();
  Open("b").IgnoreError();
  Open("c", absl::InfiniteDuration(), "other").IgnoreError();
  Close("a");

  EXPECT_EQ(table_->usage("m").sessions, 1);
  EXPECT_EQ(table_->usage("m").state_bytes, model_->state_layout().bytes());
  EXPECT_EQ(table_->usage("other").sessions, 1);
  EXPECT_EQ(table_->usage("unknown").sessions, 0);
}

TEST_F(SessionTableTest, DistinguishesAnUnknownSessionFromOneThatEnded) {
  Open("closed").IgnoreError();
  Open("broken").IgnoreError();
  Take("closed").End(EndReason::kStreamEnded);
  Take("broken").End(EndReason::kBroken);

  EXPECT_THAT(ErrorOf("none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_THAT(ErrorOf("closed"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("its stream"),
                                          "SESSION_STREAM_ENDED"));
  EXPECT_THAT(ErrorOf("broken"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("internal error"), "SESSION_BROKEN"));
}

TEST_F(SessionTableTest, ForgetsTheOldestEnds) {
  SessionTable::Options options;
  options.max_tombstones = 1;
  Restart(options);
  Open("a").IgnoreError();
  Open("b").IgnoreError();
  Close("a");
  Close("b");

  EXPECT_THAT(ErrorOf("a"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  EXPECT_THAT(ErrorOf("b"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
}

TEST_F(SessionTableTest, OpensAnIdAgainAfterItsEnd) {
  Open("a").IgnoreError();
  Close("a");

  EXPECT_THAT(Open("a"), IsOk());

  EXPECT_EQ(Take("a").id(), "a");
}

TEST_F(SessionTableTest, ReportsEveryEnd) {
  Open("a").IgnoreError();
  Open("b", kMinute, "other").IgnoreError();
  Close("a");
  clock_.Advance(kMinute);
  table_->ExpireIdle();

  EXPECT_THAT(ended_, ElementsAre("m SESSION_CLOSED", "other SESSION_EXPIRED"));
}

TEST_F(SessionTableTest, RefusesAnIdleTimeoutOfZero) {
  EXPECT_DEATH(Open("a", absl::ZeroDuration()).IgnoreError(), "");
}

TEST_F(SessionTableTest, ANewSessionDoesNotInheritTheStateOfAnEndedOne) {
  Open("a").IgnoreError();
  {
    const SessionLease lease = Take("a");
    lease.state().block()[0] = 7;
  }
  Close("a");

  Open("b").IgnoreError();

  EXPECT_THAT(Take("b").state().block(), Each(0.0f));
}

// There are enough sessions for many chunks of an arena.
TEST_F(SessionTableTest, KeepsManySessionsApart) {
  constexpr int kSessions = 30'000;
  SessionTable::Options options;
  options.max_sessions = kSessions;
  Restart(options);
  for (int i = 0; i < kSessions; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_THAT(Open(id), IsOk());
    Take(id).state().block()[0] = static_cast<float>(i);
  }
  for (int i = 0; i < kSessions; i += 2) Close(std::to_string(i));

  for (int i = 1; i < kSessions; i += 2) {
    ASSERT_EQ(Take(std::to_string(i)).state().block()[0], static_cast<float>(i));
  }
}

TEST_F(SessionTableTest, AReusedIdBeginsAfterItsLastEpoch) {
  ASSERT_THAT(Open("closed", kMinute), IsOk());
  ASSERT_THAT(Open("expired", kMinute), IsOk());
  Take("closed").Attach();
  Close("closed");
  clock_.Advance(kMinute);
  table_->ExpireIdle();

  for (const char* id : {"closed", "expired", "new"}) ASSERT_THAT(Open(id), IsOk());

  EXPECT_EQ(Take("closed").epoch(), 3u);
  EXPECT_EQ(Take("expired").epoch(), 2u);
  EXPECT_EQ(Take("new").epoch(), 1u);
  Close("expired");
  ASSERT_THAT(Open("expired"), IsOk());
  EXPECT_EQ(Take("expired").epoch(), 3u);
}

TEST_F(SessionTableTest, ASessionThatGoesOnKeepsItsEpoch) {
  ASSERT_THAT(Open("a"), IsOk());
  Close("a");

  ASSERT_THAT(table_->Open({.id = "a",
                            .model_name = "m",
                            .model = model_,
                            .state = SessionState(*model_),
                            .epoch = 1,
                            .goes_on = true}),
              IsOk());

  EXPECT_EQ(Take("a").epoch(), 1u);
}

TEST_F(SessionTableTest, AForgottenEndLeavesNoEpoch) {
  SessionTable::Options options;
  options.max_tombstones = 1;
  Restart(options);
  for (const char* id : {"a", "b"}) {
    ASSERT_THAT(Open(id), IsOk());
    Close(id);
  }

  for (const char* id : {"a", "b"}) ASSERT_THAT(Open(id), IsOk());

  EXPECT_EQ(Take("a").epoch(), 1u);
  EXPECT_EQ(Take("b").epoch(), 2u);
}

TEST_F(SessionTableTest, AnEndElsewhereIsNotedUnlessTheIdIsOpen) {
  ASSERT_THAT(Open("open"), IsOk());

  table_->NoteEnd("open", EndReason::kExpired, 5);
  table_->NoteEnd("away", EndReason::kExpired, 5);
  table_->NoteEnd("away", EndReason::kClosed, 4);

  EXPECT_EQ(Take("open").epoch(), 1u);
  EXPECT_THAT(ErrorOf("away"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("expired"), "SESSION_EXPIRED"));
  ASSERT_THAT(Open("away"), IsOk());
  EXPECT_EQ(Take("away").epoch(), 6u);
}

}  // namespace
}  // namespace rnnserve::testing
