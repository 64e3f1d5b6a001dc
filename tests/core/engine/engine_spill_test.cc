// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests spilled sessions. Two engines with room for three sessions each share a snapshot store in
// memory. Every call on a spilled session is answered as if the session were in memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/engine.h"
#include "tests/core/engine/replica.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EngineSpillTest : public ::testing::Test {
 protected:
  static EngineOptions RoomFor(int64_t max_sessions) {
    EngineOptions options;
    options.sessions.max_sessions = max_sessions;
    return options;
  }
  // Opens "s", steps it once with the value 5, and gets it spilled.
  void Spill() {
    ASSERT_THAT(a_.Open("s"), IsOk());
    ASSERT_THAT(a_.Step("s", 5, 0), IsOk());
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(absl::Seconds(1));
      ASSERT_THAT(a_.Open(absl::StrCat("other", i)), IsOk());
    }
    ASSERT_FALSE(a_.IsInMemory("s"));
    ASSERT_GE(a_.engine().num_spilled_sessions(), 1);
  }

  // Starts a step of "s" while the store hangs.
  Answer<StepResult> StartWithoutStore(CallLimits limits) {
    store_.Hang(true);
    StepCall call;
    call.session_id = "s";
    call.inputs = {{"", one_, std::nullopt}};
    call.limits = std::move(limits);
    Answer<StepResult> answer;
    a_.engine().Step(std::move(call), answer.callback());
    return answer;
  }

  const OwnedTensor one_ = OwnedTensor::Floats({1, 1}, {1});
  FakeClock clock_;
  MemorySnapshotStore store_{clock_, MemorySnapshotStore::Pace::kAtOnce};
  Replica a_{clock_, store_, RoomFor(3)};
  Replica b_{clock_, store_, RoomFor(100)};
};

TEST_F(EngineSpillTest, MoreSessionsThanFitAreSteppedInTurn) {
  constexpr int kNumSessions = 9;
  for (int i = 0; i < kNumSessions; ++i) ASSERT_THAT(a_.Open(absl::StrCat("s", i)), IsOk());

  float expected = 0;
  for (uint64_t index = 0; index < 20; ++index) {
    expected = 2 * expected + 1;
    for (int i = 0; i < kNumSessions; ++i) {
      // Every other step has an index.
      const std::optional<uint64_t> step_index = i % 2 == 0 ? std::optional(index) : std::nullopt;
      const std::optional<uint64_t> epoch = i % 3 == 0 ? std::optional(uint64_t{1}) : std::nullopt;
      const auto result = a_.Step(absl::StrCat("s", i), 1, step_index, epoch);
      ASSERT_THAT(result, IsOk()) << index << " of " << i;
      EXPECT_EQ(result->outputs[0].values.at(0), expected);
      EXPECT_EQ(result->version, index + 1);
      EXPECT_EQ(result->epoch, 1u);
    }
  }
}

TEST_F(EngineSpillTest, AStepOfTheWritersEpochGoesOn) {
  Spill();

  const auto result = a_.Step("s", 1, 1, 1);

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outputs[0].values.at(0), 11);
  EXPECT_EQ(result->epoch, 1u);
}

TEST_F(EngineSpillTest, AStepThatIsCancelledWhileItsSessionIsReadIsNotExecuted) {
  Spill();
  const auto cancellation = std::make_shared<Cancellation>();
  const auto answer = StartWithoutStore({absl::InfiniteFuture(), cancellation});
  cancellation->Cancel();
  store_.Hang(false);

  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kCancelled,
                                      HasSubstr("nothing was executed"), "NOT_EXECUTED"));
  EXPECT_EQ(*a_.Sum("s"), 5);
}

TEST_F(EngineSpillTest, AStepThatExpiresWhileItsSessionIsReadIsNotExecuted) {
  Spill();
  const auto answer = StartWithoutStore({clock_.Now() + absl::Seconds(1), nullptr});
  clock_.Advance(absl::Seconds(2));
  store_.Hang(false);

  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                      HasSubstr("nothing was executed"), "NOT_EXECUTED"));
  EXPECT_EQ(*a_.Sum("s"), 5);
}

TEST_F(EngineSpillTest, AKeptReplyIsReplayed) {
  Spill();

  const auto result = a_.Step("s", 5, 0, 1);

  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->is_replayed);
  EXPECT_EQ(result->outputs[0].values.at(0), 5);
}

TEST_F(EngineSpillTest, AnAttachRaisesTheEpochByOne) {
  Spill();

  const auto attached = a_.Attach("s");

  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->epoch, 2u);
  EXPECT_EQ(attached->version, 1u);
}

TEST_F(EngineSpillTest, TheStateOfASpilledSessionIsReadAndSet) {
  Spill();
  EXPECT_EQ(*a_.Sum("s"), 5);
  a_.Open("another").IgnoreError();
  const OwnedTensor state = OwnedTensor::Floats({1}, {7});
  Answer<uint64_t> answer;

  a_.engine().SetState({"s", {{"sum", "h", state}}, uint64_t{1}}, answer.callback());

  EXPECT_THAT(answer.Wait(), IsOk());
  EXPECT_EQ(*a_.Sum("s"), 7);
}

TEST_F(EngineSpillTest, ASpilledSessionIsReset) {
  Spill();

  EXPECT_EQ(*a_.Reset({{"s", "other2"}, "", {}}), 2);

  EXPECT_EQ(*a_.Sum("s"), 0);
}

TEST_F(EngineSpillTest, MoreSessionsThanFitAreNotResetTogether) {
  Spill();

  EXPECT_THAT(a_.Reset({{"s", "other0", "other1", "other2"}, "", {}}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("room"), "SESSION_LIMIT"));

  EXPECT_EQ(*a_.Sum("s"), 5);
}

TEST_F(EngineSpillTest, AResetOfAModelReachesSpilledSessions) {
  Spill();

  EXPECT_EQ(*a_.Reset({{}, "doubling", {}}), 4);

  EXPECT_EQ(*a_.Sum("s"), 0);
}

TEST_F(EngineSpillTest, ASpilledSessionIsClosedForGood) {
  Spill();
  Answer<uint64_t> answer;

  a_.engine().CloseSession({"s", EndReason::kClosed, uint64_t{1}}, answer.callback());

  EXPECT_EQ(*answer.Wait(), 1u);
  EXPECT_THAT(a_.Step("s", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("closed"), "SESSION_CLOSED"));
  EXPECT_THAT(b_.Attach("s"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(EngineSpillTest, ASpilledSessionIsForked) {
  Spill();
  ForkSessionCall call;
  call.session_id = "s";
  call.fork_ids = {"fork"};
  Answer<ForkedSession> answer;

  a_.engine().ForkSession(std::move(call), answer.callback());

  EXPECT_THAT(answer.Wait(), IsOk());
  EXPECT_EQ(*a_.Sum("fork"), 5);
}

TEST_F(EngineSpillTest, ASpilledSessionIsExported) {
  Spill();
  Answer<ExportedSession> answer;

  a_.engine().ExportSession("s", answer.callback());

  EXPECT_EQ(answer.Wait()->version, 1u);
}

TEST_F(EngineSpillTest, StepSessionsAdvancesASpilledSession) {
  Spill();

  const auto result = a_.StepSessions({"s", "other2"});

  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->errors.empty());
  EXPECT_THAT(result->outputs[0].values, ElementsAre(11, 1));
}

TEST_F(EngineSpillTest, TheIdOfASpilledSessionIsTaken) {
  Spill();

  EXPECT_THAT(a_.Open("s", Durability::kNone),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("open"), "SESSION_EXISTS"));
  EXPECT_THAT(a_.Open("s"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("open"), "SESSION_EXISTS"));
  ForkSessionCall call;
  call.session_id = "other2";
  call.fork_ids = {"s"};
  Answer<ForkedSession> answer;
  a_.engine().ForkSession(std::move(call), answer.callback());
  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(EngineSpillTest, AnotherServerMayTakeASpilledSession) {
  Spill();
  ASSERT_THAT(b_.Attach("s"), IsOk());
  ASSERT_THAT(b_.Step("s", 1, 1), IsOk());
  ASSERT_TRUE(b_.engine().FlushCheckpoints(absl::Seconds(30)));

  EXPECT_THAT(a_.Step("s", 1, 1, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
  // A step with an index, which would notice an older state, looks for the session in the store.
  EXPECT_TRUE(a_.Step("s", 1, 1)->is_replayed);
}

TEST_F(EngineSpillTest, AStepWithoutAnIndexIsRefusedIfTheStoreLostChanges) {
  Spill();
  store_.LoseLastChanges(1000);

  EXPECT_THAT(a_.Step("s", 1), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(EngineSpillTest, NothingIsSpilledWhileThereIsRoom) {
  for (int i = 0; i < 50; ++i) ASSERT_THAT(b_.Open(absl::StrCat("s", i)), IsOk());
  clock_.Advance(absl::Seconds(10));

  b_.engine().TickCheckpoints();

  EXPECT_EQ(b_.engine().num_spilled_sessions(), 0);
}

TEST_F(EngineSpillTest, SessionsThatCannotBeSpilledFillTheServer) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(a_.Open(absl::StrCat("s", i), Durability::kNone), IsOk());
  }

  const absl::Status refused = a_.Open("s3").status();

  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("3"), "SESSION_LIMIT"));
  EXPECT_GT(RetryDelay(refused), absl::ZeroDuration());
}

TEST_F(EngineSpillTest, ASessionThatIsNotDurableGoesOnAfterTheDrain) {
  ASSERT_THAT(b_.Open("n", Durability::kNone), IsOk());
  ASSERT_THAT(b_.Step("n", 5, 0), IsOk());
  b_.engine().StartDraining();

  ASSERT_TRUE(b_.engine().FlushForGood(absl::Seconds(30)));

  const auto attached = a_.Attach("n");
  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->durability, Durability::kNone);
  EXPECT_EQ(attached->version, 1u);
  EXPECT_GT(attached->epoch, 1u);
  EXPECT_TRUE(a_.Step("n", 5, 0)->is_replayed);
  EXPECT_THAT(a_.Step("n", 1, 1, 1),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "STEP_FENCED"));
  Replica c(clock_, store_, RoomFor(3));
  EXPECT_THAT(c.Attach("n"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(EngineSpillTest, ASpilledSessionIsListedWithItsModel) {
  Spill();

  const auto listed = a_.engine().ListSessions({.id_prefix = "s"}, "", 100);

  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_TRUE(listed->at(0).is_spilled);
  EXPECT_EQ(listed->at(0).version, 1u);
  EXPECT_EQ(listed->at(0).model_digest, DoublingModel()->digest());
}

TEST_F(EngineSpillTest, PagesHoldEverySessionOnceWhileTheyComeAndGo) {
  constexpr int kNumSessions = 9;
  std::vector<std::string> ids;
  for (int i = 0; i < kNumSessions; ++i) {
    ids.push_back(absl::StrCat("s", i));
    ASSERT_THAT(a_.Open(ids.back()), IsOk());
  }
  std::atomic<bool> is_over{false};
  // Only three sessions fit into memory, so each step spills one session and brings another back.
  std::thread stepping([&] {
    for (int i = 0; i < 300; ++i) a_.Step(ids[i * 5 % ids.size()], 1).status().IgnoreError();
    is_over = true;
  });

  int num_wrong = 0;
  do {
    std::vector<std::string> listed;
    auto page = a_.engine().ListSessions({}, "", 2);
    while (!page->empty()) {
      for (const SessionSummary& session : *page) listed.push_back(session.id);
      page = a_.engine().ListSessions({}, listed.back(), 2);
    }
    if (listed != ids) ++num_wrong;
  } while (!is_over);
  stepping.join();

  EXPECT_EQ(num_wrong, 0);
}

TEST_F(EngineSpillTest, TheIdOfAnExpiredSessionOpensInALaterEpoch) {
  Spill();
  clock_.Advance(absl::Hours(48));
  a_.engine().ExpireIdleSessions();

  // The session expired while it was spilled, and no call has noticed yet.
  EXPECT_EQ(a_.Open("s", Durability::kNone)->epoch, 2u);

  ASSERT_THAT(a_.Close("s"), IsOk());
  EXPECT_EQ(a_.Open("s")->epoch, 3u);
}

TEST_F(EngineSpillTest, TheIdOfAnExpiredSessionOpensInALaterEpochAfterACallOnIt) {
  Spill();
  clock_.Advance(absl::Hours(48));
  a_.engine().ExpireIdleSessions();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(a_.Step("s", 1),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("expired"), "SESSION_EXPIRED"));
  }

  EXPECT_EQ(a_.Open("s")->epoch, 2u);
}

}  // namespace
}  // namespace rnnserve::testing
