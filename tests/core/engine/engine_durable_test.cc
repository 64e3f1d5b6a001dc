// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests durable sessions on two engines that share a snapshot store in memory. The first is
// abandoned or keeps running alongside the second; what the second finds shows what was stored.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

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

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class EngineDurableTest : public ::testing::Test {
 protected:
  // Waits until the store has done everything that the replica started.
  static void Settle(Replica& replica) {
    ASSERT_TRUE(replica.engine().FlushCheckpoints(absl::Seconds(30)));
  }

  FakeClock clock_;
  MemorySnapshotStore store_{clock_, MemorySnapshotStore::Pace::kAtOnce};
  Replica a_{clock_, store_};
  Replica b_{clock_, store_};
};

TEST_F(EngineDurableTest, ASyncSessionGoesOnFromItsLastReply) {
  const auto opened = a_.Open("s", Durability::kSync);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->durability, Durability::kSync);
  for (uint64_t index = 0; index < 3; ++index) {
    const auto result = a_.Step("s", 1, index);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->durable_version, index + 1);
  }

  const auto attached = b_.Attach("s");

  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->version, 3u);
  EXPECT_EQ(attached->durable_version, 3u);
  EXPECT_EQ(attached->durability, Durability::kSync);
  EXPECT_EQ(*b_.Sum("s"), 7);
  // Repeat the step, as a client does whose reply was lost on the way.
  const auto again = b_.Step("s", 1, 2);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
}

TEST_F(EngineDurableTest, AnAsyncSessionGoesOnFromItsLastCheckpoint) {
  const auto opened = a_.Open("s");
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->durability, Durability::kAsync);
  for (int i = 0; i < 40; ++i) ASSERT_THAT(a_.Step("s", 0), IsOk());

  const auto attached = b_.Attach("s");

  ASSERT_THAT(attached, IsOk());
  // There were 40 steps, and a checkpoint is written every 32.
  EXPECT_EQ(attached->version, 32u);
}

TEST_F(EngineDurableTest, AChangeIsStoredAfterTheInterval) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(a_.Step("s", 5), IsOk());
  EXPECT_EQ(a_.engine().checkpoint_load().listed_sessions, 1);
  clock_.Advance(absl::Milliseconds(999));
  a_.engine().TickCheckpoints();
  EXPECT_EQ(a_.engine().checkpoint_load().oldest_change, absl::Milliseconds(999));

  clock_.Advance(absl::Milliseconds(1));
  a_.engine().TickCheckpoints();
  EXPECT_EQ(a_.engine().checkpoint_load().listed_sessions, 0);
  Settle(a_);

  EXPECT_EQ(b_.Attach("s")->version, 1u);
  EXPECT_EQ(*b_.Sum("s"), 5);
}

TEST_F(EngineDurableTest, TheDurableVersionFollowsTheVersion) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  EXPECT_EQ(a_.Step("s", 1)->durable_version, 0u);
  Settle(a_);

  EXPECT_EQ(a_.Step("s", 1)->durable_version, 1u);
}

TEST_F(EngineDurableTest, ThePreviousOwnerIsFencedAndTold) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(b_.Attach("s"), IsOk());
  ASSERT_THAT(b_.Step("s", 1, 0), IsOk());
  Settle(b_);

  // The old owner does not know yet that it was replaced. Its steps are lost.
  ASSERT_THAT(a_.Step("s", 100), IsOk());
  Settle(a_);

  EXPECT_THAT(a_.Step("s", 100),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
  EXPECT_EQ(*b_.Sum("s"), 1);
  Replica c(clock_, store_);
  ASSERT_THAT(c.Attach("s"), IsOk());
  EXPECT_EQ(*c.Sum("s"), 1);
}

TEST_F(EngineDurableTest, AttachingOftenWithoutTheStoreDoesNotOvertakeTheNextOwner) {
  const absl::Status down = MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down");
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  for (int i = 0; i < 3; ++i) {
    store_.FailNext(1, down);
    ASSERT_THAT(a_.Attach("s"), Not(IsOk()));
  }
  ASSERT_THAT(b_.Attach("s"), IsOk());
  ASSERT_THAT(b_.Step("s", 1, 0), IsOk());

  EXPECT_THAT(a_.Attach("s"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("another owner"), "FENCED"));
  EXPECT_THAT(b_.Step("s", 1, 1), IsOk());
}

TEST_F(EngineDurableTest, AFencedSyncStepFails) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(b_.Attach("s"), IsOk());

  EXPECT_THAT(a_.Step("s", 100, 0),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "FENCED"));
  EXPECT_THAT(a_.Step("s", 100, 0, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
  EXPECT_EQ(*b_.Sum("s"), 0);
}

TEST_F(EngineDurableTest, ASessionMayReturnToItsFirstServer) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Step("s", 1, 0), IsOk());
  const auto at_b = b_.Attach("s");
  ASSERT_THAT(b_.Step("s", 1, 1, at_b->epoch), IsOk());
  EXPECT_THAT(a_.Step("s", 5, 1), Not(IsOk()));

  const auto at_a = a_.Attach("s");

  ASSERT_THAT(at_a, IsOk());
  EXPECT_GT(at_a->epoch, at_b->epoch);
  EXPECT_EQ(at_a->version, 2u);
  EXPECT_EQ(*a_.Sum("s"), 3);
}

TEST_F(EngineDurableTest, OnlyAStepWithAnIndexRestoresItsSessionFromTheStore) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(a_.Step("s", 1), IsOk());

  EXPECT_THAT(b_.Step("s", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no session"), "SESSION_UNKNOWN"));
  // The session's first step is not stored, and the error says so.
  const absl::Status gap = b_.Step("s", 1, 1).status();
  EXPECT_THAT(gap, StatusIs(absl::StatusCode::kAborted, HasSubstr("0 is the next"), "STEP_GAP"));
  EXPECT_THAT(b_.Step("s", 1, 0), IsOk());
}

TEST_F(EngineDurableTest, AnOpenIdIsTakenOnEveryServer) {
  ASSERT_THAT(a_.Open("s"), IsOk());

  EXPECT_THAT(b_.Open("s"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("attach"), "SESSION_EXISTS"));
  EXPECT_THAT(b_.Step("s", 1), Not(IsOk()));
}

TEST_F(EngineDurableTest, AServerThatWasRefusedToOpenAnIdMayAttachToIt) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(b_.Open("s"), Not(IsOk()));

  EXPECT_THAT(b_.Attach("s"), IsOk());
}

TEST_F(EngineDurableTest, FindsASessionWhoseOpeningWasNotAnswered) {
  store_.LoseAnswers(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));
  ASSERT_THAT(a_.Open("s"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("down"), "STORE_DOWN"));
  ASSERT_THAT(a_.Open("s"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("attach"), "SESSION_EXISTS"));

  EXPECT_THAT(a_.Attach("s"), IsOk());
}

TEST_F(EngineDurableTest, AClosedSessionIsGoneEverywhere) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(a_.Step("s", 1), IsOk());
  ASSERT_THAT(a_.Close("s"), IsOk());

  EXPECT_THAT(b_.Attach("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("store"), "SESSION_UNKNOWN"));
  EXPECT_THAT(b_.Open("s"), IsOk());
}

TEST_F(EngineDurableTest, SetAndResetStatesAreStoredLikeSteps) {
  ASSERT_THAT(a_.Open("set", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Open("reset", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Step("reset", 4), IsOk());

  ASSERT_THAT(a_.SetState("set", 9), IsOk());
  ASSERT_THAT(a_.Reset({{"reset"}, "", {}}), IsOk());

  ASSERT_THAT(b_.Attach("set"), IsOk());
  ASSERT_THAT(b_.Attach("reset"), IsOk());
  EXPECT_EQ(*b_.Sum("set"), 9);
  EXPECT_EQ(*b_.Sum("reset"), 0);
}

TEST_F(EngineDurableTest, AsyncStepsGoOnWithoutTheStoreAndAreStoredWhenItIsBack) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  store_.Hang(true);
  for (int i = 0; i < 100; ++i) ASSERT_THAT(a_.Step("s", 0), IsOk());
  EXPECT_EQ(a_.Step("s", 1)->durable_version, 0u);

  store_.Hang(false);
  Settle(a_);

  EXPECT_EQ(b_.Attach("s")->version, 101u);
}

TEST_F(EngineDurableTest, ASyncStepThatIsNotStoredMayBeSentAgain) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  const absl::Status down = MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down");
  store_.FailNext(1, down);
  EXPECT_THAT(a_.Step("s", 1, 0),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("down"), "STORE_DOWN"));
  store_.FailNext(1, down);
  EXPECT_THAT(a_.Step("s", 1, 0),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("down"), "STORE_DOWN"));

  const auto again = a_.Step("s", 1, 0);

  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
  EXPECT_EQ(again->durable_version, 1u);
  ASSERT_THAT(b_.Attach("s"), IsOk());
  EXPECT_EQ(*b_.Sum("s"), 1);
}

TEST_F(EngineDurableTest, ASyncStepWithoutAnIndexMustNotBeSentAgain) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  store_.FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));

  EXPECT_THAT(a_.Step("s", 1),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("was done"), "NOT_DURABLE"));
  EXPECT_EQ(*a_.Sum("s"), 1);
}

TEST_F(EngineDurableTest, AStepFindsOutThatTheStoreForgotChanges) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  for (uint64_t index = 0; index < 3; ++index) ASSERT_THAT(a_.Step("s", 1, index), IsOk());

  store_.LoseLastChanges(2);
  const auto attached = b_.Attach("s");

  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->version, 1u);
  EXPECT_THAT(b_.Step("s", 1, 3),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("1 is the next"), "STEP_GAP"));
}

TEST_F(EngineDurableTest, AModelWithOtherStatesLeavesTheSessionToItsOwner) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  Replica other(clock_, store_, {}, ForecasterModel());

  EXPECT_THAT(other.Attach("s"), StatusIs(absl::StatusCode::kDataLoss,
                                          HasSubstr("32 floats, the model of 96"), "SNAPSHOT_BAD"));
  EXPECT_THAT(a_.Step("s", 1, 0), IsOk());
}

TEST_F(EngineDurableTest, OneOwnerRemainsWhenManyAttachAtOnce) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Step("s", 1, 0), IsOk());
  std::vector<Answer<OpenedSession>> answers(8);
  for (auto& answer : answers) b_.engine().AttachSession("s", answer.callback());

  uint64_t last_epoch = 0;
  for (auto& answer : answers) {
    const auto attached = answer.Wait();
    ASSERT_THAT(attached, IsOk());
    EXPECT_EQ(attached->version, 1u);
    last_epoch = std::max(last_epoch, attached->epoch);
  }

  EXPECT_THAT(b_.Step("s", 1, 1, last_epoch), IsOk());
  EXPECT_THAT(b_.Step("s", 1, 2, last_epoch - 1), Not(IsOk()));
  EXPECT_THAT(b_.observer().restorations(), Each(IsOk()));
}

TEST_F(EngineDurableTest, AResumeTokenIsValidOnAnyServerWithTheKeyForItsSessionOnly) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Open("t", Durability::kSync), IsOk());

  const std::string token = a_.engine().ResumeTokenOf("s").value();

  EXPECT_THAT(b_.engine().CheckResumeToken("s", token), IsOk());
  EXPECT_THAT(
      b_.engine().CheckResumeToken("t", token),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another session"), "RESUME_TOKEN"));
  EXPECT_THAT(b_.engine().CheckResumeToken("s", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 bytes"), "RESUME_TOKEN"));
}

TEST_F(EngineDurableTest, ASessionThatCanGoOnElsewhereHasAResumeToken) {
  // This session is not durable, but a drain writes it to the store.
  ASSERT_THAT(a_.Open("s", Durability::kNone), IsOk());
  OpenSessionCall bound;
  bound.model = "doubling";
  bound.session_id = "bound";
  bound.detached = false;
  Answer<OpenedSession> opened;
  a_.engine().OpenSession(bound, opened.callback());
  ASSERT_THAT(opened.Wait(), IsOk());

  EXPECT_THAT(a_.engine().CheckResumeToken("s", *a_.engine().ResumeTokenOf("s")), IsOk());
  EXPECT_EQ(a_.engine().ResumeTokenOf("bound"), "");
  EXPECT_EQ(a_.engine().ResumeTokenOf("unknown"), std::nullopt);
}

TEST_F(EngineDurableTest, RefusesSessionsBeforeSteps) {
  ASSERT_THAT(a_.Open("s"), IsOk());

  a_.engine().RefuseSessions();

  EXPECT_THAT(a_.Open("t"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no new sessions"), "DRAINING"));
  EXPECT_THAT(a_.Step("s", 1, 0), IsOk());
  EXPECT_THAT(a_.Attach("s"), IsOk());
}

TEST_F(EngineDurableTest, StepSessionsStoresManySessions) {
  ASSERT_THAT(a_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(a_.Open("t", Durability::kAsync), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 1, 1}, {1, 2});
  StepSessionsCall call;
  call.model = "doubling";
  call.session_ids = {"s", "t"};
  call.inputs = {{"", input, std::nullopt}};
  const auto step = [&] {
    Answer<StepSessionsResult> answer;
    a_.engine().StepSessions(call, answer.callback());
    return *answer.Wait();
  };

  const StepSessionsResult stored = step();
  store_.FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));
  const StepSessionsResult not_stored = step();

  EXPECT_THAT(stored.durable_versions, ElementsAre(1, 0));
  ASSERT_EQ(not_stored.errors.size(), 1u);
  EXPECT_EQ(not_stored.errors[0].first, 0);
  EXPECT_THAT(not_stored.errors[0].second,
              StatusIs(absl::StatusCode::kAborted, HasSubstr("down"), "NOT_DURABLE"));
  EXPECT_THAT(not_stored.versions, ElementsAre(0, 2));
  EXPECT_EQ(not_stored.outputs[0].values[0], 0);
}

TEST_F(EngineDurableTest, AnExportedSessionIsImportedAsAnIndependentOne) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_THAT(a_.Step("s", 3, 0), IsOk());
  Answer<ExportedSession> answer;
  a_.engine().ExportSession("s", answer.callback());
  const auto exported = answer.Wait();
  ASSERT_THAT(exported, IsOk());
  EXPECT_EQ(exported->version, 1u);

  Answer<OpenedSession> as_it_was;
  b_.engine().ImportSession({exported->snapshot, "", Durability::kNone}, as_it_was.callback());
  Answer<OpenedSession> as_another;
  a_.engine().ImportSession({exported->snapshot, "t"}, as_another.callback());

  const auto opened = as_it_was.Wait();
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->session_id, "s");
  EXPECT_EQ(opened->version, 1u);
  EXPECT_EQ(as_another.Wait()->session_id, "t");
  EXPECT_EQ(*b_.Sum("s"), 3);
  EXPECT_TRUE(a_.Step("t", 3, 0)->is_replayed);
  EXPECT_EQ(a_.Step("t", 1, 1)->version, 2u);
  EXPECT_EQ(*a_.Sum("s"), 3);
}

TEST_F(EngineDurableTest, ADamagedExportIsNotImported) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  Answer<ExportedSession> exported;
  a_.engine().ExportSession("s", exported.callback());
  std::string snapshot = exported.Wait()->snapshot;
  snapshot[100] = static_cast<char>(snapshot[100] ^ 1);
  Answer<OpenedSession> answer;
  a_.engine().ImportSession({snapshot, "t"}, answer.callback());

  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(""), "SNAPSHOT_BAD"));
}

TEST_F(EngineDurableTest, ExportNeedsAKey) {
  RecordingEngineObserver observer;
  Engine engine(clock_, observer, {});
  ASSERT_THAT(engine.AddModel("doubling", DoublingModel()), IsOk());
  OpenSessionCall call;
  call.model = "doubling";
  call.session_id = "s";
  Answer<OpenedSession> opened;
  engine.OpenSession(call, opened.callback());
  ASSERT_THAT(opened.Wait(), IsOk());
  Answer<ExportedSession> answer;
  engine.ExportSession("s", answer.callback());

  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no key"),
                                      "NO_SNAPSHOT_KEY"));
}

TEST_F(EngineDurableTest, DurabilityNeedsAStoreAndADetachedSession) {
  OpenSessionCall bound;
  bound.model = "doubling";
  bound.detached = false;
  bound.durability = Durability::kAsync;
  Answer<OpenedSession> refused;
  a_.engine().OpenSession(bound, refused.callback());
  EXPECT_THAT(refused.Wait(), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("bound to its stream"), "DURABILITY"));

  RecordingEngineObserver observer;
  Engine engine(clock_, observer, {});
  ASSERT_THAT(engine.AddModel("doubling", DoublingModel()), IsOk());
  bound.detached = true;
  Answer<OpenedSession> without_store;
  engine.OpenSession(bound, without_store.callback());
  EXPECT_THAT(without_store.Wait(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no store"), "NO_STORE"));
}

TEST_F(EngineDurableTest, AWriterOfAnEarlierSessionOfTheIdIsFenced) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_EQ(a_.Attach("s")->epoch, 2u);
  ASSERT_THAT(a_.Close("s"), IsOk());

  const auto opened = a_.Open("s");

  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->epoch, 3u);
  EXPECT_EQ(store_.Peek("s")->fence.epoch, 3u);
  for (uint64_t epoch : {1u, 2u}) {
    EXPECT_THAT(a_.Step("s", 1, 0, epoch),
                StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "STEP_FENCED"));
  }
  EXPECT_THAT(a_.Step("s", 1, 0, 3), IsOk());
  EXPECT_GT(b_.Attach("s")->epoch, 3u);
}

TEST_F(EngineDurableTest, ALaterEpochDoesNotOpenAnIdThatAnotherServerHas) {
  ASSERT_THAT(a_.Open("s"), IsOk());
  ASSERT_EQ(a_.Attach("s")->epoch, 2u);
  ASSERT_THAT(a_.Close("s"), IsOk());
  ASSERT_THAT(b_.Open("s", Durability::kSync), IsOk());
  ASSERT_THAT(b_.Step("s", 5, 0), IsOk());

  EXPECT_THAT(a_.Open("s"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("store"), "SESSION_EXISTS"));

  EXPECT_THAT(b_.Step("s", 1, 1), IsOk());
  EXPECT_EQ(*b_.Sum("s"), 11);
}

}  // namespace
}  // namespace rnnserve::testing
