// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the notices that a stream gets about its sessions. The tests pass actions and results as a
// stream would, and compare the waiting notices as text.

#include "server/stream_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/malloc_counter.h"

namespace rnnserve::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Ids = std::vector<std::string>;

class StreamSessionsTest : public ::testing::Test {
 protected:
  Ids Open(const std::string& id, bool detached = true) {
    v1::StreamAction action;
    action.mutable_open()->set_detached(detached);
    v1::StreamResult result;
    result.mutable_open()->set_session_id(id);
    return sessions_.OnResult(action, result);
  }
  Ids Attach(const std::string& id) {
    v1::StreamResult result;
    result.mutable_attach()->set_session_id(id);
    return sessions_.OnResult(v1::StreamAction(), result);
  }
  Ids Step(const std::string& id, bool succeeds = true) {
    v1::StreamAction action;
    action.mutable_step()->set_session_id(id);
    v1::StreamResult result;
    if (succeeds) {
      result.mutable_step();
    } else {
      result.mutable_error();
    }
    return sessions_.OnResult(action, result);
  }
  v1::StreamAction BeginClose(const std::string& id) {
    v1::StreamAction action;
    action.mutable_close()->set_session_id(id);
    sessions_.OnAction(action);
    return action;
  }
  void FinishClose(const v1::StreamAction& close, bool succeeds = true) {
    v1::StreamResult result;
    if (succeeds) {
      result.mutable_close();
    } else {
      result.mutable_error();
    }
    sessions_.OnResult(close, result);
  }

  // Takes the waiting notices, which a stream would write now.
  std::vector<std::string> Notices() {
    v1::StreamResponse message;
    sessions_.TakeNotices(size_t{1} << 20, message);
    std::vector<std::string> texts;
    for (const v1::StreamNotice& notice : message.notices()) {
      std::string text = notice.session_id();
      if (notice.has_expiring()) {
        absl::StrAppend(&text, " expires in ", notice.expiring().remaining_ms());
      } else if (notice.has_ended()) {
        absl::StrAppend(&text, " ", notice.ended().reason());
      } else if (notice.moving().has_resume_token()) {
        absl::StrAppend(&text, " moves with ", notice.moving().resume_token());
      } else {
        absl::StrAppend(&text, " goes down");
      }
      texts.push_back(text);
    }
    return texts;
  }

  StreamSessions sessions_;
};

TEST_F(StreamSessionsTest, ASessionIsWatchedFromItsFirstUseOn) {
  EXPECT_THAT(Step("s"), ElementsAre("s"));
  EXPECT_THAT(Step("s"), IsEmpty());
  EXPECT_THAT(Step("failed", false), IsEmpty());

  EXPECT_THAT(sessions_.Watched(), ElementsAre("s"));
}

TEST_F(StreamSessionsTest, AFurtherStepAllocatesNothing) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  Step(id);
  v1::StreamAction action;
  action.mutable_step()->set_session_id(id);
  v1::StreamResult result;
  result.mutable_step();

  const rnnserve::testing::MallocCounter allocations;
  sessions_.OnAction(action);
  const Ids unwatched = sessions_.OnResult(action, result);

  EXPECT_EQ(allocations.count(), 0);
  EXPECT_THAT(unwatched, IsEmpty());
}

TEST_F(StreamSessionsTest, AnOpenedOrAttachedSessionIsWatchedAnew) {
  Step("s");

  EXPECT_THAT(Attach("s"), ElementsAre("s"));
  EXPECT_THAT(Open("s"), ElementsAre("s"));
  EXPECT_THAT(Step("s"), IsEmpty());
}

TEST_F(StreamSessionsTest, ForksAndRowsOfManySessionsCountAsUses) {
  v1::StreamAction action;
  v1::StreamResult forked;
  forked.mutable_fork()->add_session_ids("f0");
  forked.mutable_fork()->add_session_ids("f1");
  EXPECT_THAT(sessions_.OnResult(action, forked), ElementsAre("f0", "f1"));

  for (const char* id : {"f0", "new", "failed"})
    action.mutable_step_sessions()->add_session_ids(id);
  v1::StreamResult stepped;
  for (const uint64_t version : {1, 1, 0}) stepped.mutable_step_sessions()->add_versions(version);
  EXPECT_THAT(sessions_.OnResult(action, stepped), ElementsAre("new"));
}

TEST_F(StreamSessionsTest, TellsOnlyOfItsOwnSessions) {
  Step("a");
  Step("b");

  sessions_.OnEnded("b", EndReason::kEvicted);
  sessions_.OnExpiring("a", absl::Seconds(5));
  sessions_.OnEnded("other", EndReason::kEvicted);
  sessions_.OnExpiring("other", absl::Seconds(5));
  sessions_.OnMoving("other", "token");

  EXPECT_THAT(Notices(), ElementsAre("a expires in 5000", "b SESSION_EVICTED"));
  EXPECT_FALSE(sessions_.has_notices());
}

TEST_F(StreamSessionsTest, OnlyTheNewestNoticeOfEachKindWaits) {
  Step("s");

  for (int i = 1; i <= 100; ++i) {
    sessions_.OnExpiring("s", absl::Seconds(i));
    sessions_.OnMoving("s", absl::StrCat("token ", i));
  }

  EXPECT_THAT(Notices(), ElementsAre("s expires in 100000", "s moves with token 100"));
}

TEST_F(StreamSessionsTest, AStepWithdrawsTheExpiryNotice) {
  Step("s");
  sessions_.OnExpiring("s", absl::Seconds(5));

  Step("s");

  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(StreamSessionsTest, TheEndReplacesEarlierNotices) {
  Step("s");
  sessions_.OnExpiring("s", absl::Seconds(5));
  sessions_.OnMoving("s", "token");

  sessions_.OnEnded("s", EndReason::kExpired);

  EXPECT_THAT(Notices(), ElementsAre("s SESSION_EXPIRED"));
  EXPECT_THAT(sessions_.Watched(), IsEmpty());
}

TEST_F(StreamSessionsTest, TheStreamIsNotToldOfItsOwnClose) {
  Open("s");

  const v1::StreamAction close = BeginClose("s");
  sessions_.OnEnded("s", EndReason::kClosed);
  FinishClose(close);

  EXPECT_THAT(Notices(), IsEmpty());
  EXPECT_THAT(sessions_.Watched(), IsEmpty());
}

TEST_F(StreamSessionsTest, AnotherEndDuringACloseIsTold) {
  Open("s");

  const v1::StreamAction close = BeginClose("s");
  sessions_.OnEnded("s", EndReason::kEvicted);
  FinishClose(close, false);

  EXPECT_THAT(Notices(), ElementsAre("s SESSION_EVICTED"));
}

TEST_F(StreamSessionsTest, AfterAFailedCloseTheEndIsTold) {
  Open("s");

  FinishClose(BeginClose("s"), false);
  sessions_.OnEnded("s", EndReason::kClosed);

  EXPECT_THAT(Notices(), ElementsAre("s SESSION_CLOSED"));
}

TEST_F(StreamSessionsTest, ASessionOfAnotherStreamMayEndWithIt) {
  Step("s");

  sessions_.OnEnded("s", EndReason::kStreamEnded);

  EXPECT_THAT(Notices(), ElementsAre("s SESSION_STREAM_ENDED"));
}

TEST_F(StreamSessionsTest, AMoveHasATokenOrNone) {
  Step("durable");
  Step("lost");

  sessions_.OnMoving();
  sessions_.OnMoving("durable", "token");
  sessions_.OnMoving("lost", "");

  EXPECT_THAT(Notices(), ElementsAre(" goes down", "durable moves with token", "lost goes down"));
}

TEST_F(StreamSessionsTest, ManyNoticesGoInSeveralMessages) {
  for (int i = 0; i < 100; ++i) {
    Step(absl::StrCat("s", i));
    sessions_.OnEnded(absl::StrCat("s", i), EndReason::kEvicted);
  }

  v1::StreamResponse message;
  sessions_.TakeNotices(100, message);

  EXPECT_GE(message.ByteSizeLong(), 100u);
  EXPECT_LT(message.ByteSizeLong(), 150u);
  EXPECT_THAT(Notices(), SizeIs(static_cast<size_t>(100 - message.notices_size())));
}

TEST_F(StreamSessionsTest, OpenBoundSessionsEndWithTheStream) {
  Open("bound", false);
  Open("closed", false);
  Open("detached");
  Step("other");
  FinishClose([this] {
    const v1::StreamAction close = BeginClose("closed");
    sessions_.OnEnded("closed", EndReason::kClosed);
    return close;
  }());

  EXPECT_THAT(sessions_.TakeBound(), ElementsAre("bound"));
  EXPECT_THAT(sessions_.Watched(), UnorderedElementsAre("detached", "other"));
}

}  // namespace
}  // namespace rnnserve::server
