// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which commits Engine::ResetState waits for. The store does nothing by itself: the test
// completes the store's calls one by one and looks at what has been answered by then. No call
// computes anything, so everything happens on the test's thread.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/reset/commit_sweep.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

const absl::Status kStoreDown = MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down");

class EngineResetTest : public ::testing::Test {
 protected:
  EngineResetTest() { Restart(1000); }

  void Restart(int64_t max_sessions) {
    auto store = std::make_unique<MemorySnapshotStore>(clock_);
    store_ = store.get();
    EngineOptions options;
    options.workers = 1;
    options.sessions.max_sessions = max_sessions;
    engine_ = std::make_unique<Engine>(
        clock_, observer_, options,
        DurabilityConfig{std::move(store), SnapshotKeys(SnapshotKey(SnapshotKey::Secret{7})), {}});
    engine_->AddModel("doubling", DoublingModel()).IgnoreError();
  }

  // Opens a session with state 5. If it is durable, completes its write.
  void Open(const std::string& id, Durability durability) {
    const OwnedTensor state = OwnedTensor::Floats({1}, {5});
    OpenSessionCall call;
    call.model = "doubling";
    call.session_id = id;
    call.initial_state = {{"sum", "h", state}};
    call.durability = durability;
    Answer<OpenedSession> answer;
    engine_->OpenSession(call, answer.callback());
    store_->CompleteAll();
    ASSERT_THAT(answer.Wait(), IsOk());
  }
  Answer<int64_t> StartReset(ResetStateCall call) {
    Answer<int64_t> answer;
    engine_->ResetState(std::move(call), answer.callback());
    return answer;
  }
  Answer<int64_t> StartResetOfModel() { return StartReset({{}, "doubling", {}}); }
  Answer<uint64_t> StartSetState(const std::string& id) {
    const OwnedTensor state = OwnedTensor::Floats({1}, {7});
    Answer<uint64_t> answer;
    engine_->SetState({id, {{"sum", "h", state}}, std::nullopt}, answer.callback());
    return answer;
  }
  Answer<SessionStateResult> StartGetState(const std::string& id) {
    Answer<SessionStateResult> answer;
    engine_->GetState(id, answer.callback());
    return answer;
  }
  float Sum(const std::string& id) {
    const Answer<SessionStateResult> answer = StartGetState(id);
    store_->CompleteAll();
    return answer.Wait()->state.at(0).values.at(0);
  }
  // Returns the number of changes to the session's state that the store has seen.
  uint64_t StoredRevision(const std::string& id) { return store_->Peek(id)->fence.version; }

  FakeClock clock_;
  RecordingEngineObserver observer_;
  MemorySnapshotStore* store_ = nullptr;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineResetTest, AModelResetWaitsUntilEverySyncSessionIsStored) {
  Open("a", Durability::kSync);
  Open("b", Durability::kSync);

  const Answer<int64_t> answer = StartResetOfModel();
  ASSERT_TRUE(store_->CompleteNext());
  EXPECT_FALSE(answer.has_come());
  ASSERT_TRUE(store_->CompleteNext());

  ASSERT_TRUE(answer.has_come());
  EXPECT_EQ(*answer.Wait(), 2);
  EXPECT_EQ(StoredRevision("a"), 1u);
  EXPECT_EQ(StoredRevision("b"), 1u);
}

TEST_F(EngineResetTest, AModelResetWaitsForNoOtherSession) {
  Open("async", Durability::kAsync);
  Open("none", Durability::kNone);

  const Answer<int64_t> answer = StartResetOfModel();

  ASSERT_TRUE(answer.has_come());
  EXPECT_EQ(*answer.Wait(), 2);
  EXPECT_EQ(Sum("async"), 0);
}

TEST_F(EngineResetTest, AResetThatIsNotStoredFailsAsSetStateDoes) {
  Open("a", Durability::kSync);
  store_->FailNext(3, kStoreDown);

  const Answer<uint64_t> set = StartSetState("a");
  store_->CompleteNext();
  const Answer<int64_t> by_id = StartReset({{"a"}, "", {}});
  store_->CompleteNext();
  const Answer<int64_t> of_model = StartResetOfModel();
  store_->CompleteNext();

  const absl::Status expected = set.Wait().status();
  EXPECT_THAT(expected, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("down"), "STORE_DOWN"));
  EXPECT_EQ(by_id.Wait().status(), expected);
  EXPECT_EQ(of_model.Wait().status(), expected);
}

TEST_F(EngineResetTest, AResetThatFailsForOneSessionResetsTheOthers) {
  Open("a", Durability::kSync);
  Open("b", Durability::kSync);
  store_->FailNext(1, kStoreDown);

  const Answer<int64_t> answer = StartResetOfModel();
  store_->CompleteAll();

  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Sum("a"), 0);
  EXPECT_EQ(Sum("b"), 0);
  EXPECT_EQ(StoredRevision("a") + StoredRevision("b"), 1u);
}

TEST_F(EngineResetTest, AResetThatWasNotStoredIsStoredLater) {
  Open("a", Durability::kSync);
  store_->FailNext(1, kStoreDown);
  const Answer<int64_t> answer = StartResetOfModel();
  store_->CompleteAll();

  clock_.Advance(absl::Seconds(10));
  engine_->TickCheckpoints();
  store_->CompleteAll();

  EXPECT_EQ(StoredRevision("a"), 1u);
}

TEST_F(EngineResetTest, AModelResetLimitsItsCommitsInFlight) {
  constexpr int kNumSessions = 600;
  for (int i = 0; i < kNumSessions; ++i) Open(absl::StrCat("s", i), Durability::kSync);

  const Answer<int64_t> answer = StartResetOfModel();
  EXPECT_EQ(store_->num_waiting(), CommitSweep::kInFlightMax);
  ASSERT_TRUE(store_->CompleteNext());
  EXPECT_EQ(store_->num_waiting(), CommitSweep::kInFlightMax);
  store_->CompleteAll();

  EXPECT_EQ(*answer.Wait(), kNumSessions);
}

TEST_F(EngineResetTest, AModelResetWaitsUntilASpilledSyncSessionIsStored) {
  Restart(3);
  Open("spilled", Durability::kSync);
  for (const char* id : {"b", "c", "d"}) {
    clock_.Advance(absl::Seconds(1));
    Open(id, Durability::kAsync);
  }
  ASSERT_GE(engine_->num_spilled_sessions(), 1);

  const Answer<int64_t> answer = StartResetOfModel();
  while (!answer.has_come()) ASSERT_TRUE(store_->CompleteNext());

  EXPECT_EQ(*answer.Wait(), 4);
  EXPECT_EQ(StoredRevision("spilled"), 1u);
  EXPECT_EQ(Sum("spilled"), 0);
}

TEST_F(EngineResetTest, AModelResetReachesASessionThatComesBackMeanwhile) {
  Restart(3);
  Open("spilled", Durability::kAsync);
  for (const char* id : {"b", "c"}) {
    clock_.Advance(absl::Seconds(1));
    Open(id, Durability::kSync);
  }
  clock_.Advance(absl::Seconds(1));
  Open("d", Durability::kNone);
  ASSERT_EQ(engine_->num_spilled_sessions(), 1);
  Answer<uint64_t> closed;
  engine_->CloseSession({"d", EndReason::kClosed, std::nullopt}, closed.callback());
  // When the reset begins, "spilled" is being brought back and "b" is in use. "spilled" is back
  // before "b" is free.
  const Answer<SessionStateResult> got = StartGetState("spilled");
  const Answer<uint64_t> set = StartSetState("b");

  const Answer<int64_t> answer = StartResetOfModel();
  ASSERT_TRUE(store_->CompleteNext());
  ASSERT_TRUE(got.has_come());
  ASSERT_EQ(engine_->num_spilled_sessions(), 0);
  store_->CompleteAll();

  EXPECT_EQ(*answer.Wait(), 3);
  EXPECT_EQ(Sum("spilled"), 0);
}

}  // namespace
}  // namespace rnnserve::testing
