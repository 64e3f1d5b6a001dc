// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests when sessions expire, and when their watchers are warned: once each time a session goes
// idle.

#include "core/session/session_expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kMinute = absl::Minutes(1);
constexpr absl::Duration kTimeout = absl::Seconds(100);

class SessionExpiryTest : public SessionTableFixture {
 protected:
  // Opens a session that the diary watches.
  void OpenWatched(const std::string& id, absl::Duration idle_timeout = kTimeout) {
    ASSERT_THAT(Open(id, idle_timeout), IsOk());
    table_->Watch(id, diary_);
  }
  void TickAfter(absl::Duration time) {
    clock_.Advance(time);
    table_->ExpireIdle();
  }

  const std::shared_ptr<Diary> diary_ = std::make_shared<Diary>();
};

TEST_F(SessionExpiryTest, ExpiresAfterTheIdleTimeoutAndNotBefore) {
  Open("a", kMinute).IgnoreError();

  clock_.Advance(kMinute - absl::Nanoseconds(1));
  EXPECT_EQ(table_->ExpireIdle(), 0);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(table_->ExpireIdle(), 1);

  EXPECT_THAT(ErrorOf("a"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("expired"), "SESSION_EXPIRED"));
  EXPECT_EQ(table_->usage("m").sessions, 0);
}

TEST_F(SessionExpiryTest, CountsTheIdleTimeFromTheLastUse) {
  Open("a", kMinute).IgnoreError();
  clock_.Advance(kMinute / 2);
  { const SessionLease use = Take("a"); }

  clock_.Advance(kMinute / 2);
  EXPECT_EQ(table_->ExpireIdle(), 0);
  clock_.Advance(kMinute / 2);
  EXPECT_EQ(table_->ExpireIdle(), 1);
}

TEST_F(SessionExpiryTest, DoesNotExpireASessionThatIsLeased) {
  Open("a", kMinute).IgnoreError();
  {
    const SessionLease use = Take("a");
    clock_.Advance(kMinute * 10);
    EXPECT_EQ(table_->ExpireIdle(), 0);
  }

  clock_.Advance(kMinute - absl::Nanoseconds(1));
  EXPECT_EQ(table_->ExpireIdle(), 0);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(table_->ExpireIdle(), 1);
}

TEST_F(SessionExpiryTest, NeverExpiresASessionWithoutATimeout) {
  Open("a").IgnoreError();

  clock_.Advance(absl::Hours(24 * 365));

  EXPECT_EQ(table_->ExpireIdle(), 0);
}

TEST_F(SessionExpiryTest, ExpiresEverySessionThatIsDue) {
  for (int i = 0; i < 10; ++i) Open(std::to_string(i), kMinute * (i + 1)).IgnoreError();

  clock_.Advance(kMinute * 4);

  EXPECT_EQ(table_->ExpireIdle(), 4);
  EXPECT_FALSE(table_->Find("3").has_value());
  EXPECT_TRUE(table_->Find("4").has_value());
  EXPECT_EQ(table_->usage().sessions, 6);
}

TEST_F(SessionExpiryTest, WarnsATenthOfTheTimeoutBeforeTheExpiry) {
  OpenWatched("s");

  TickAfter(kTimeout * 9 / 10 - absl::Nanoseconds(1));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Nanoseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionExpiryTest, WarnsOnceHoweverManyTicksFollow) {
  OpenWatched("s");

  TickAfter(kTimeout * 9 / 10);
  for (int i = 0; i < 9; ++i) TickAfter(absl::Seconds(1));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  TickAfter(absl::Seconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s", "s SESSION_EXPIRED"));
}

TEST_F(SessionExpiryTest, AUseStartsTheIdleTimeAnew) {
  OpenWatched("s");

  TickAfter(absl::Seconds(89));
  Use("s");
  TickAfter(absl::Seconds(89));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Seconds(1));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  // The session is used after the warning, so there is another warning the next time it goes idle.
  Use("s");
  TickAfter(absl::Seconds(89));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  TickAfter(absl::Seconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s", "s expires in 10s"));
}

TEST_F(SessionExpiryTest, WarnsTwoTicksBeforeTheEndOfAShortTimeout) {
  OpenWatched("s", absl::Seconds(2));

  TickAfter(absl::Milliseconds(1499));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Milliseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 500ms"));
}

TEST_F(SessionExpiryTest, ALateTickStillWarns) {
  OpenWatched("s", absl::Seconds(2));

  TickAfter(absl::Milliseconds(1499));
  TickAfter(absl::Milliseconds(499));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 2ms"));
}

TEST_F(SessionExpiryTest, WarnsAtHalfOfATimeoutShorterThanATick) {
  OpenWatched("s", absl::Milliseconds(100));

  TickAfter(absl::Milliseconds(49));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Milliseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 50ms"));
}

TEST_F(SessionExpiryTest, WarnsOfNoExpiryWhileTheSessionIsInUse) {
  OpenWatched("s");
  auto lease = Take("s");

  TickAfter(kTimeout * 2);
  EXPECT_THAT(diary_->told, IsEmpty());
  std::move(lease).Return();
  TickAfter(kTimeout * 9 / 10);

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionExpiryTest, ASessionThatNobodyWatchesExpiresToo) {
  ASSERT_THAT(Open("s", kTimeout), IsOk());

  TickAfter(kTimeout - absl::Nanoseconds(1));
  EXPECT_TRUE(table_->Find("s").has_value());
  TickAfter(absl::Nanoseconds(1));

  EXPECT_FALSE(table_->Find("s").has_value());
}

}  // namespace
}  // namespace rnnserve::testing
