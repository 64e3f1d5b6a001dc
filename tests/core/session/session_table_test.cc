// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// SessionTable: opening within bounds, ending, remembering, expiring and listing. Who waits for a
// session is the subject of session_line_test.cc.

#include "core/session/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kMinute = absl::Minutes(1);

class SessionTableTest : public SessionTableFixture {
 protected:
  std::vector<std::string> Ids(const std::string& model_name = "", const std::string& after = "",
                               int64_t limit = 100) {
    std::vector<std::string> ids;
    for (const auto& summary : store_->List({model_name}, after, limit)) ids.push_back(summary.id);
    return ids;
  }
};

TEST_F(SessionTableTest, ListsThoseThatPassTheFilter) {
  for (const char* id : {"a", "b", "b1", "b2", "c"}) ASSERT_THAT(Open(id), IsOk());
  clock_.Advance(absl::Seconds(10));
  Take("b1");
  const auto ids = [this](const SessionFilter& filter, const std::string& after, int64_t limit) {
    std::vector<std::string> listed;
    for (const auto& summary : store_->List(filter, after, limit)) listed.push_back(summary.id);
    return listed;
  };

  EXPECT_THAT(ids({.id_prefix = "b"}, "", 10), ElementsAre("b", "b1", "b2"));
  EXPECT_THAT(ids({.id_prefix = "b"}, "", 1), ElementsAre("b"));
  EXPECT_THAT(ids({.id_prefix = "b"}, "b", 10), ElementsAre("b1", "b2"));
  EXPECT_THAT(ids({.id_prefix = "b"}, "b2", 10), IsEmpty());
  EXPECT_THAT(ids({.id_prefix = "bb"}, "", 10), IsEmpty());
  EXPECT_THAT(ids({.min_idle = absl::Seconds(10)}, "", 10), ElementsAre("a", "b", "b2", "c"));
  EXPECT_THAT(ids({.id_prefix = "b", .min_idle = absl::Seconds(11)}, "", 10), IsEmpty());
}

TEST_F(SessionTableTest, OpensUnderTheIdOfTheClient) {
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
  EXPECT_EQ(store_->usage("m").sessions, 1);
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

TEST_F(SessionTableTest, RefusesOneStateTooMany) {
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

  EXPECT_EQ(store_->usage("m").sessions, 1);
  EXPECT_EQ(store_->usage("m").state_bytes, model_->state_layout().bytes());
  EXPECT_EQ(store_->usage("other").sessions, 1);
  EXPECT_EQ(store_->usage("unknown").sessions, 0);
}

TEST_F(SessionTableTest, TellsAnUnknownSessionFromOneThatEnded) {
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

TEST_F(SessionTableTest, TellsOfEveryEnd) {
  Open("a").IgnoreError();
  Open("b", kMinute, "other").IgnoreError();
  Close("a");
  clock_.Advance(kMinute);
  store_->ExpireIdle();

  EXPECT_THAT(ended_, ElementsAre("m SESSION_CLOSED", "other SESSION_EXPIRED"));
}

TEST_F(SessionTableTest, ExpiresAfterTheIdleTimeoutAndNotBefore) {
  Open("a", kMinute).IgnoreError();

  clock_.Advance(kMinute - absl::Nanoseconds(1));
  EXPECT_EQ(store_->ExpireIdle(), 0);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(store_->ExpireIdle(), 1);

  EXPECT_THAT(ErrorOf("a"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("expired"), "SESSION_EXPIRED"));
  EXPECT_EQ(store_->usage("m").sessions, 0);
}

TEST_F(SessionTableTest, CountsTheIdleTimeFromTheLastUse) {
  Open("a", kMinute).IgnoreError();
  clock_.Advance(kMinute / 2);
  { const SessionLease use = Take("a"); }

  clock_.Advance(kMinute / 2);
  EXPECT_EQ(store_->ExpireIdle(), 0);
  clock_.Advance(kMinute / 2);
  EXPECT_EQ(store_->ExpireIdle(), 1);
}

TEST_F(SessionTableTest, DoesNotExpireASessionThatIsLeased) {
  Open("a", kMinute).IgnoreError();
  {
    const SessionLease use = Take("a");
    clock_.Advance(kMinute * 10);
    EXPECT_EQ(store_->ExpireIdle(), 0);
  }

  clock_.Advance(kMinute - absl::Nanoseconds(1));
  EXPECT_EQ(store_->ExpireIdle(), 0);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(store_->ExpireIdle(), 1);
}

TEST_F(SessionTableTest, NeverExpiresASessionWithoutATimeout) {
  Open("a").IgnoreError();

  clock_.Advance(absl::Hours(24 * 365));

  EXPECT_EQ(store_->ExpireIdle(), 0);
}

TEST_F(SessionTableTest, RefusesAnIdleTimeoutOfZero) {
  EXPECT_DEATH(Open("a", absl::ZeroDuration()).IgnoreError(), "");
}

TEST_F(SessionTableTest, ExpiresEverySessionThatIsDue) {
  for (int i = 0; i < 10; ++i) Open(std::to_string(i), kMinute * (i + 1)).IgnoreError();

  clock_.Advance(kMinute * 4);

  EXPECT_EQ(store_->ExpireIdle(), 4);
  EXPECT_THAT(Ids(), ElementsAre("4", "5", "6", "7", "8", "9"));
}

TEST_F(SessionTableTest, ListsInTheOrderOfIdsPageByPage) {
  for (const char* id : {"c", "a", "d", "b"}) Open(id).IgnoreError();

  EXPECT_THAT(Ids("", "", 3), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Ids("", "c", 3), ElementsAre("d"));
  EXPECT_THAT(Ids("", "d", 3), IsEmpty());
}

// More than are looked at under one lock.
TEST_F(SessionTableTest, ListsAndExpiresManySessions) {
  for (int i = 100; i < 300; ++i) {
    Open(std::to_string(i), kMinute, i % 2 == 0 ? "even" : "odd").IgnoreError();
  }
  std::vector<std::string> odd;
  for (int i = 101; i < 300; i += 2) odd.push_back(std::to_string(i));

  EXPECT_THAT(Ids("", "", 1000), SizeIs(200));
  EXPECT_THAT(Ids("odd", "", 1000), ElementsAreArray(odd));
  EXPECT_THAT(Ids("odd", "198", 1), ElementsAre("199"));
  clock_.Advance(kMinute);
  EXPECT_EQ(store_->ExpireIdle(), 200);
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(SessionTableTest, ANewSessionHasItsStateAndAnEndedOneLeavesNone) {
  Open("a").IgnoreError();
  {
    const SessionLease lease = Take("a");
    lease.state().block()[0] = 7;
  }
  Close("a");

  Open("b").IgnoreError();

  EXPECT_THAT(Take("b").state().block(), Each(0.0f));
}

// What a million sessions are made of.
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

TEST_F(SessionTableTest, ListsTheSessionsOfOneModel) {
  Open("a").IgnoreError();
  Open("b", absl::InfiniteDuration(), "other").IgnoreError();

  EXPECT_THAT(Ids("other"), ElementsAre("b"));
}

TEST_F(SessionTableTest, SummarizesASession) {
  Open("a").IgnoreError();
  {
    SessionLease lease = Take("a");
    lease.CommitStep();
    lease.CommitStep();
  }
  clock_.Advance(absl::Seconds(3));

  const SessionSummary summary = store_->List({}, "", 1).front();

  EXPECT_EQ(summary.model_name, "m");
  EXPECT_EQ(summary.version, 2u);
  EXPECT_EQ(summary.epoch, 1u);
  EXPECT_TRUE(summary.detached);
  EXPECT_EQ(summary.idle, absl::Seconds(3));
  EXPECT_EQ(summary.state_bytes, model_->state_layout().bytes());
}

TEST_F(SessionTableTest, ASessionInUseIsNotIdle) {
  Open("a").IgnoreError();
  const SessionLease lease = Take("a");
  clock_.Advance(absl::Seconds(3));

  EXPECT_EQ(store_->List({}, "", 1).front().idle, absl::ZeroDuration());
}

TEST_F(SessionTableTest, AnIdThatIsUsedAgainBeginsBehindItsLastEpoch) {
  ASSERT_THAT(Open("closed", kMinute), IsOk());
  ASSERT_THAT(Open("expired", kMinute), IsOk());
  Take("closed").Attach();
  Close("closed");
  clock_.Advance(kMinute);
  store_->ExpireIdle();

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

  ASSERT_THAT(store_->Open({.id = "a",
                            .model_name = "m",
                            .model = model_,
                            .state = SessionState(*model_),
                            .epoch = 1,
                            .goes_on = true}),
              IsOk());

  EXPECT_EQ(Take("a").epoch(), 1u);
}

TEST_F(SessionTableTest, AnEndThatIsForgottenLeavesNoEpoch) {
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

  store_->NoteEnd("open", EndReason::kExpired, 5);
  store_->NoteEnd("away", EndReason::kExpired, 5);
  store_->NoteEnd("away", EndReason::kClosed, 4);

  EXPECT_EQ(Take("open").epoch(), 1u);
  EXPECT_THAT(ErrorOf("away"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("expired"), "SESSION_EXPIRED"));
  ASSERT_THAT(Open("away"), IsOk());
  EXPECT_EQ(Take("away").epoch(), 6u);
}

}  // namespace
}  // namespace rnnserve::testing
