// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests adding and removing watchers, and what they are told when a session ends.

#include "core/session/session_watchers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(100);

class SessionWatchersTest : public SessionTableFixture {
 protected:
  // Opens a session that the diary watches.
  void OpenWatched(const std::string& id) {
    ASSERT_THAT(Open(id, kTimeout), IsOk());
    table_->Watch(id, diary_);
  }
  void TickAfter(absl::Duration time) {
    clock_.Advance(time);
    table_->ExpireIdle();
  }

  const std::shared_ptr<Diary> diary_ = std::make_shared<Diary>();
};

TEST_F(SessionWatchersTest, TellsTheReasonOfTheEnd) {
  OpenWatched("closed");
  OpenWatched("evicted");

  Take("closed").End(EndReason::kClosed);
  Take("evicted").End(EndReason::kEvicted);

  EXPECT_THAT(diary_->told, ElementsAre("closed SESSION_CLOSED", "evicted SESSION_EVICTED"));
}

TEST_F(SessionWatchersTest, ADroppedSessionIsNoLongerWatched) {
  OpenWatched("s");

  EXPECT_TRUE(Take("s").Drop());
  EXPECT_THAT(diary_->told, ElementsAre("s dropped"));
  // The next session gets the same index.
  ASSERT_THAT(Open("t", kTimeout), IsOk());
  Take("t").End(EndReason::kClosed);

  EXPECT_THAT(diary_->told, ElementsAre("s dropped"));
}

TEST_F(SessionWatchersTest, TellsEveryWatcherOnce) {
  const auto other = std::make_shared<Diary>();
  OpenWatched("s");
  table_->Watch("s", diary_);
  table_->Watch("s", other);

  Close("s");

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
  EXPECT_THAT(other->told, ElementsAre("s SESSION_CLOSED"));
}

TEST_F(SessionWatchersTest, AWatcherThatUnwatchedIsNotTold) {
  const auto other = std::make_shared<Diary>();
  OpenWatched("s");
  table_->Watch("s", other);
  table_->Unwatch("s", other);
  table_->Unwatch("unknown", other);

  TickAfter(kTimeout * 9 / 10);
  table_->Unwatch("s", diary_);
  Close("s");

  EXPECT_THAT(other->told, IsEmpty());
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionWatchersTest, AWatcherThatIsGoneIsSkipped) {
  ASSERT_THAT(Open("s", kTimeout), IsOk());
  table_->Watch("s", std::make_shared<Diary>());

  TickAfter(kTimeout * 9 / 10);
  Close("s");

  EXPECT_THAT(ended_, ElementsAre("m SESSION_CLOSED"));
}

TEST_F(SessionWatchersTest, WatchingAnEndedSessionTellsItsEndAtOnce) {
  Open("s").IgnoreError();
  Close("s");

  table_->Watch("s", diary_);
  table_->Watch("unknown", diary_);

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
}

TEST_F(SessionWatchersTest, ANewSessionOfTheSameIdIsNotWatched) {
  OpenWatched("s");
  Close("s");
  Open("s").IgnoreError();

  Close("s");

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
}

}  // namespace
}  // namespace rnnserve::testing
