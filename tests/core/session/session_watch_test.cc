// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// What the watchers of a session are told, and when: its end with the reason, its expiry once each
// time that it idles. A watcher that writes everything down.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/core/session/session_table_fixture.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(100);

class Diary final : public SessionWatcher {
 public:
  void OnSessionExpiring(absl::string_view id, absl::Duration left) override {
    told.push_back(absl::StrCat(id, " expires in ", absl::FormatDuration(left)));
  }
  void OnSessionEnded(absl::string_view id, EndReason reason) override {
    told.push_back(absl::StrCat(id, " ", EndReasonName(reason)));
  }
  void OnSessionDropped(absl::string_view id) override {
    told.push_back(absl::StrCat(id, " dropped"));
  }

  std::vector<std::string> told;
};

class SessionWatchTest : public SessionTableFixture {
 protected:
  // A session that the diary watches.
  void OpenWatched(const std::string& id, absl::Duration idle_timeout = kTimeout) {
    ASSERT_THAT(Open(id, idle_timeout), IsOk());
    store_->Watch(id, diary_);
  }
  void Use(const std::string& id) { Take(id).Return(); }
  void TickAfter(absl::Duration time) {
    clock_.Advance(time);
    store_->ExpireIdle();
  }

  const std::shared_ptr<Diary> diary_ = std::make_shared<Diary>();
};

TEST_F(SessionWatchTest, TellsOfTheEndAndItsReason) {
  OpenWatched("closed");
  OpenWatched("evicted");

  Take("closed").End(EndReason::kClosed);
  Take("evicted").End(EndReason::kEvicted);

  EXPECT_THAT(diary_->told, ElementsAre("closed SESSION_CLOSED", "evicted SESSION_EVICTED"));
}

TEST_F(SessionWatchTest, ASessionThatWasDroppedIsNotWatchedAnyMore) {
  OpenWatched("s");

  EXPECT_TRUE(Take("s").Drop());
  EXPECT_THAT(diary_->told, ElementsAre("s dropped"));
  // The next one takes its place in the table.
  ASSERT_THAT(Open("t", kTimeout), IsOk());
  Take("t").End(EndReason::kClosed);

  EXPECT_THAT(diary_->told, ElementsAre("s dropped"));
}

TEST_F(SessionWatchTest, TellsOfAnExpiryATenthOfTheTimeoutBefore) {
  OpenWatched("s");

  TickAfter(kTimeout * 9 / 10 - absl::Nanoseconds(1));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Nanoseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionWatchTest, TellsOfAnExpiryOnceWhateverTheTicks) {
  OpenWatched("s");

  TickAfter(kTimeout * 9 / 10);
  for (int i = 0; i < 9; ++i) TickAfter(absl::Seconds(1));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  TickAfter(absl::Seconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s", "s SESSION_EXPIRED"));
}

TEST_F(SessionWatchTest, AUseBeginsTheIdleTimeAnew) {
  OpenWatched("s");

  TickAfter(absl::Seconds(89));
  Use("s");
  TickAfter(absl::Seconds(89));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Seconds(1));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  // It was told, and is used after all: the next time that it idles it is told again.
  Use("s");
  TickAfter(absl::Seconds(89));
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
  TickAfter(absl::Seconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s", "s expires in 10s"));
}

TEST_F(SessionWatchTest, TellsTwoTicksBeforeAShortTimeoutIsOver) {
  OpenWatched("s", absl::Seconds(2));

  TickAfter(absl::Milliseconds(1499));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Milliseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 500ms"));
}

TEST_F(SessionWatchTest, ATickThatComesLateTellsToo) {
  OpenWatched("s", absl::Seconds(2));

  TickAfter(absl::Milliseconds(1499));
  TickAfter(absl::Milliseconds(499));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 2ms"));
}

TEST_F(SessionWatchTest, TellsNoSoonerThanHalfOfATimeoutOfLessThanATick) {
  OpenWatched("s", absl::Milliseconds(100));

  TickAfter(absl::Milliseconds(49));
  EXPECT_THAT(diary_->told, IsEmpty());
  TickAfter(absl::Milliseconds(1));

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 50ms"));
}

TEST_F(SessionWatchTest, ASessionInUseDoesNotExpire) {
  OpenWatched("s");
  auto lease = Take("s");

  TickAfter(kTimeout * 2);
  EXPECT_THAT(diary_->told, IsEmpty());
  std::move(lease).Return();
  TickAfter(kTimeout * 9 / 10);

  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionWatchTest, TellsEveryWatcherOnce) {
  const auto other = std::make_shared<Diary>();
  OpenWatched("s");
  store_->Watch("s", diary_);
  store_->Watch("s", other);

  Close("s");

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
  EXPECT_THAT(other->told, ElementsAre("s SESSION_CLOSED"));
}

TEST_F(SessionWatchTest, AWatcherThatUnwatchedIsNotTold) {
  const auto other = std::make_shared<Diary>();
  OpenWatched("s");
  store_->Watch("s", other);
  store_->Unwatch("s", other);
  store_->Unwatch("unknown", other);

  TickAfter(kTimeout * 9 / 10);
  store_->Unwatch("s", diary_);
  Close("s");

  EXPECT_THAT(other->told, IsEmpty());
  EXPECT_THAT(diary_->told, ElementsAre("s expires in 10s"));
}

TEST_F(SessionWatchTest, AWatcherThatIsGoneIsNoTrouble) {
  ASSERT_THAT(Open("s", kTimeout), IsOk());
  store_->Watch("s", std::make_shared<Diary>());

  TickAfter(kTimeout * 9 / 10);
  Close("s");

  EXPECT_THAT(ended_, ElementsAre("m SESSION_CLOSED"));
}

TEST_F(SessionWatchTest, WhoWatchesTooLateIsToldAtOnce) {
  Open("s").IgnoreError();
  Close("s");

  store_->Watch("s", diary_);
  store_->Watch("unknown", diary_);

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
}

TEST_F(SessionWatchTest, ASessionOfTheSameIdIsAnotherOne) {
  OpenWatched("s");
  Close("s");
  Open("s").IgnoreError();

  Close("s");

  EXPECT_THAT(diary_->told, ElementsAre("s SESSION_CLOSED"));
}

TEST_F(SessionWatchTest, ASessionThatNobodyWatchesExpiresAsEver) {
  ASSERT_THAT(Open("s", kTimeout), IsOk());

  TickAfter(kTimeout - absl::Nanoseconds(1));
  EXPECT_TRUE(store_->Find("s").has_value());
  TickAfter(absl::Nanoseconds(1));

  EXPECT_FALSE(store_->Find("s").has_value());
}

}  // namespace
}  // namespace rnnserve::testing
