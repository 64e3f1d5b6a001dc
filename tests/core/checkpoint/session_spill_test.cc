// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which sessions SessionSpill moves out of memory and when, and how they come back. Ten
// sessions fit into memory. The test controls the store.

#include "core/checkpoint/session_spill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class CountingObserver final : public CheckpointObserver {
 public:
  void OnCheckpoint(const absl::Status& /*status*/, int64_t /*bytes*/,
                    absl::Duration /*duration*/) override {
    ++num_writes;
  }
  void OnRestored(const absl::Status& /*status*/, absl::Duration /*duration*/) override {}
  void OnSpilled() override { ++num_spilled; }
  void OnUnspilled() override { ++num_unspilled; }

  int num_writes = 0;
  int num_spilled = 0;
  int num_unspilled = 0;
};

SessionTable::Options Bounds(int64_t max_sessions) {
  SessionTable::Options options;
  options.max_sessions = max_sessions;
  return options;
}

class SessionSpillTest : public ::testing::Test {
 protected:
  static constexpr int kMaxSessions = 10;

  // Opens a session and, unless its durability is kNone, writes its state to the store.
  void Open(const std::string& id, Durability durability = Durability::kAsync,
            absl::Duration idle_timeout = absl::Seconds(60)) {
    const auto opened = sessions_.Open({.id = id,
                                        .model_name = "m",
                                        .model = model_,
                                        .state = SessionState(*model_),
                                        .idle_timeout = idle_timeout,
                                        .epoch = 3,
                                        .durability = durability,
                                        .nonce = 5});
    ASSERT_THAT(opened, IsOk());
    if (durability != Durability::kNone) {
      checkpointer_.CommitNow(*Lease(id), [](const absl::Status&) {});
      store_->CompleteAll();
    }
    observer_.num_writes = 0;
    clock_.Advance(absl::Seconds(1));
  }
  // Opens s0 to s9. s0 has been idle the longest.
  void OpenAll(Durability durability = Durability::kAsync) {
    for (int i = 0; i < kMaxSessions; ++i) Open(absl::StrCat("s", i), durability);
  }
  absl::StatusOr<SessionLease> Lease(const std::string& id) {
    std::optional<absl::StatusOr<SessionLease>> lease;
    sessions_.Lease(id, [&lease](absl::StatusOr<SessionLease> given) { lease = std::move(given); });
    return *std::move(lease);
  }
  bool IsInMemory(const std::string& id) { return Lease(id).ok(); }
  // Steps the session without writing it.
  void Step(const std::string& id, float value) {
    SessionLease lease = *Lease(id);
    lease.state().CopyFrom(std::vector<float>(lease.state().block().size(), value));
    lease.CommitStep();
    checkpointer_.Commit(std::move(lease), [](const absl::Status&) {});
  }
  void MakeRoom(int64_t num_sessions = 1) {
    std::optional<bool> is_done;
    spill_.MakeRoom({num_sessions, 0}, [&is_done] { is_done = true; });
    store_->CompleteAll();
    ASSERT_TRUE(is_done.has_value());
  }
  absl::Status BringBack(const std::string& id) {
    std::optional<absl::Status> status;
    spill_.BringBack(id, [&status](absl::Status answer) { status = std::move(answer); });
    store_->CompleteAll();
    return *status;
  }
  // Uses other sessions after this one and makes room, so that this one is spilled.
  void Spill(const std::string& id) {
    while (sessions_.usage().sessions < kMaxSessions) Open(absl::StrCat("other", num_others_++));
    for (int i = 0; i < num_others_; ++i) Lease(absl::StrCat("other", i)).status().IgnoreError();
    MakeRoom();
    ASSERT_FALSE(IsInMemory(id));
  }

  FakeClock clock_;
  const ModelPtr model_ = DoublingModel();
  CountingObserver observer_;
  SessionTable sessions_{clock_, [](const std::string&, EndReason) {}, Bounds(kMaxSessions)};
  MemorySnapshotStore* store_ = new MemorySnapshotStore(clock_);
  int num_others_ = 0;
  Checkpointer checkpointer_{clock_,
                             sessions_,
                             observer_,
                             std::unique_ptr<SnapshotStore>(store_),
                             SnapshotKeys(SnapshotKey(SnapshotKey::Secret{1})),
                             {}};
  SessionSpill spill_{clock_, sessions_, observer_, checkpointer_};
};

TEST_F(SessionSpillTest, TheIdlestSessionsMakeRoom) {
  OpenAll();
  Lease("s0").status().IgnoreError();

  MakeRoom();

  EXPECT_TRUE(IsInMemory("s0"));
  EXPECT_FALSE(IsInMemory("s1"));
  EXPECT_TRUE(IsInMemory("s2"));
  EXPECT_TRUE(spill_.Has("s1"));
  EXPECT_EQ(observer_.num_spilled, 1);
}

TEST_F(SessionSpillTest, ASessionThatTheStoreHasIsDroppedWithoutAWrite) {
  OpenAll();

  MakeRoom();

  EXPECT_EQ(observer_.num_writes, 0);
  EXPECT_FALSE(IsInMemory("s0"));
}

TEST_F(SessionSpillTest, ADirtySessionIsWrittenFirst) {
  OpenAll();
  Step("s0", 8);
  for (int i = 1; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();
  clock_.Advance(absl::Seconds(1));
  for (int i = 1; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();

  MakeRoom();

  EXPECT_EQ(observer_.num_writes, 1);
  EXPECT_EQ(store_->Peek("s0")->fence, (SnapshotFence{3, 5, 2}));
  EXPECT_FALSE(IsInMemory("s0"));
}

TEST_F(SessionSpillTest, AnOldSnapshotIsWrittenAgainToLiveLongEnough) {
  for (int i = 0; i < kMaxSessions; ++i) {
    Open(absl::StrCat("s", i), Durability::kAsync, absl::Hours(1));
  }
  clock_.Advance(absl::Minutes(11));
  for (int i = 0; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();
  clock_.Advance(absl::Seconds(1));

  MakeRoom();
  clock_.Advance(absl::Minutes(59));

  EXPECT_EQ(observer_.num_writes, 1);
  EXPECT_EQ(observer_.num_spilled, 1);
  const std::string id = spill_.IdsOf("m").at(0);
  EXPECT_THAT(BringBack(id), IsOk());
}

TEST_F(SessionSpillTest, ASessionComesBackAsItWas) {
  Open("s");
  Step("s", 8);
  Spill("s");

  EXPECT_THAT(BringBack("s"), IsOk());

  const SessionLease lease = *Lease("s");
  EXPECT_EQ(lease.epoch(), 3u);
  EXPECT_EQ(lease.version(), 1u);
  EXPECT_EQ(lease.durable_version(), 1u);
  EXPECT_EQ(lease.idle_timeout(), absl::Seconds(60));
  EXPECT_EQ(lease.checkpoint().nonce, 5u);
  EXPECT_EQ(lease.state().block()[0], 8);
  EXPECT_FALSE(spill_.Has("s"));
  EXPECT_EQ(observer_.num_unspilled, 1);
}

TEST_F(SessionSpillTest, TheOwnerMayWriteAfterItComesBack) {
  Open("s");
  Spill("s");
  ASSERT_THAT(BringBack("s"), IsOk());

  std::optional<absl::Status> status;
  checkpointer_.CommitNow(*Lease("s"), [&status](absl::Status answer) { status = answer; });
  store_->CompleteAll();

  EXPECT_THAT(*status, IsOk());
}

TEST_F(SessionSpillTest, ATickSpillsIdleSessionsAhead) {
  OpenAll();

  spill_.Tick();
  store_->CompleteAll();

  // Ten sessions fit. The tick has spilled one of them, so that there is room for another.
  EXPECT_EQ(sessions_.usage().sessions, 9);
  EXPECT_FALSE(IsInMemory("s0"));
}

TEST_F(SessionSpillTest, ATickLeavesSessionsInUse) {
  OpenAll();
  for (int i = 0; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();
  clock_.Advance(SessionSpill::kIdleAhead - absl::Nanoseconds(1));

  spill_.Tick();
  store_->CompleteAll();

  EXPECT_EQ(sessions_.usage().sessions, 10);
}

TEST_F(SessionSpillTest, ATickBelowTheHighWaterMarkDoesNothing) {
  for (int i = 0; i < 9; ++i) Open(absl::StrCat("s", i));

  spill_.Tick();
  store_->CompleteAll();

  EXPECT_EQ(sessions_.usage().sessions, 9);
}

TEST_F(SessionSpillTest, ASessionThatIsNotDurableStays) {
  OpenAll(Durability::kNone);

  MakeRoom();
  spill_.Tick();
  store_->CompleteAll();

  EXPECT_EQ(sessions_.usage().sessions, 10);
}

TEST_F(SessionSpillTest, ALeasedSessionStays) {
  OpenAll();
  const SessionLease lease = *Lease("s0");

  MakeRoom();

  EXPECT_FALSE(spill_.Has("s0"));
  EXPECT_TRUE(spill_.Has("s1"));
}

TEST_F(SessionSpillTest, ASessionThatIsCalledWhileItIsWrittenStays) {
  OpenAll();
  for (int i = 0; i < kMaxSessions; ++i) Step(absl::StrCat("s", i), 1);
  int num_done = 0;
  spill_.MakeRoom({1, 0}, [&num_done] { ++num_done; });
  ASSERT_EQ(store_->num_waiting(), 1);
  std::optional<absl::StatusOr<SessionLease>> turn;
  std::string id;
  for (const auto& session : sessions_.List({}, "", 10)) {
    turn.reset();
    sessions_.Lease(session.id,
                    [&turn](absl::StatusOr<SessionLease> given) { turn = std::move(given); });
    if (!turn.has_value()) {
      id = session.id;
      break;
    }
  }
  ASSERT_FALSE(id.empty());

  store_->CompleteAll();

  EXPECT_EQ(num_done, 1);
  ASSERT_TRUE(turn.has_value());
  EXPECT_THAT(*turn, IsOk());
  EXPECT_FALSE(spill_.Has(id));
  EXPECT_EQ(observer_.num_spilled, 0);
}

TEST_F(SessionSpillTest, ASessionThatCannotBeWrittenStaysAndExpiresAsBefore) {
  OpenAll();
  for (int i = 0; i < kMaxSessions; ++i) Step(absl::StrCat("s", i), 1);
  clock_.Advance(absl::Seconds(30));
  store_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));

  MakeRoom();

  EXPECT_EQ(sessions_.usage().sessions, 10);
  EXPECT_EQ(spill_.num_spilled(), 0);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(sessions_.ExpireIdle(), 10);
}

TEST_F(SessionSpillTest, NothingIsSpilledForASecondAfterARefusal) {
  OpenAll();
  for (int i = 0; i < kMaxSessions; ++i) Step(absl::StrCat("s", i), 1);
  store_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));
  MakeRoom();

  MakeRoom();
  EXPECT_EQ(observer_.num_writes, 1);
  clock_.Advance(absl::Seconds(1));
  MakeRoom();

  EXPECT_EQ(observer_.num_writes, 2);
  EXPECT_EQ(sessions_.usage().sessions, 9);
}

TEST_F(SessionSpillTest, ASessionThatAnotherServerHasTakenIsNotBroughtBack) {
  Open("s");
  Spill("s");
  store_->Claim("s", 9, absl::Hours(1), [](const absl::StatusOr<StoredSnapshot>&) {});
  store_->CompleteAll();

  EXPECT_THAT(BringBack("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
  EXPECT_FALSE(spill_.Has("s"));
}

TEST_F(SessionSpillTest, ASessionThatTheStoreHasSetBackIsReportedAsMoved) {
  Open("s");
  Step("s", 8);
  Spill("s");
  store_->LoseLastChanges(100);
  store_->Write({"s", {3, 5, 1}, "older", absl::Hours(1)}, [](const absl::Status&) {});
  store_->CompleteAll();

  EXPECT_THAT(BringBack("s"), StatusIs(absl::StatusCode::kNotFound,
                                       HasSubstr("lost its last snapshot"), "SESSION_MOVED"));
}

TEST_F(SessionSpillTest, ASessionThatTheStoreHasLostIsUnknown) {
  Open("s");
  Spill("s");
  store_->LoseLastChanges(1000);

  EXPECT_THAT(BringBack("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("store"), "SESSION_UNKNOWN"));
  EXPECT_FALSE(spill_.Has("s"));
}

TEST_F(SessionSpillTest, ASessionStaysSpilledWhileTheStoreIsDown) {
  Open("s");
  Spill("s");
  store_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));

  EXPECT_THAT(BringBack("s"), StatusIs(absl::StatusCode::kUnavailable, "down", "STORE_DOWN"));
  EXPECT_THAT(BringBack("s"), IsOk());
}

TEST_F(SessionSpillTest, ASpilledSessionExpires) {
  Open("s");
  Spill("s");
  EXPECT_TRUE(spill_.HasLive("s"));
  clock_.Advance(absl::Seconds(60));

  EXPECT_FALSE(spill_.HasLive("s"));
  EXPECT_THAT(BringBack("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("idle"), "SESSION_EXPIRED"));
  EXPECT_FALSE(spill_.Has("s"));
}

TEST_F(SessionSpillTest, ASessionThatComesBackMakesRoomForItself) {
  Open("s");
  Spill("s");
  Open("last");
  ASSERT_EQ(sessions_.usage().sessions, 10);

  EXPECT_THAT(BringBack("s"), IsOk());

  EXPECT_TRUE(IsInMemory("s"));
  EXPECT_EQ(observer_.num_spilled, 2);
}

TEST_F(SessionSpillTest, NoSessionComesBackIfNoneCanLeave) {
  Open("s");
  Spill("s");
  while (sessions_.usage().sessions < kMaxSessions) {
    Open(absl::StrCat("none", num_others_++), Durability::kNone);
  }
  std::vector<SessionLease> leases;
  for (const auto& session : sessions_.List({}, "", 10)) leases.push_back(*Lease(session.id));

  EXPECT_THAT(BringBack("s"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("10"), "SESSION_LIMIT"));
  EXPECT_TRUE(spill_.Has("s"));
}

TEST_F(SessionSpillTest, ManyCallersBringASessionBackOnce) {
  Open("s");
  Spill("s");
  int num_ok = 0;
  for (int i = 0; i < 5; ++i) {
    spill_.BringBack("s", [&num_ok](const absl::Status& status) { num_ok += status.ok() ? 1 : 0; });
  }
  EXPECT_EQ(store_->num_waiting(), 1);
  store_->CompleteAll();

  EXPECT_EQ(num_ok, 5);
  EXPECT_EQ(observer_.num_unspilled, 1);
}

TEST_F(SessionSpillTest, ADamagedSnapshotIsQuarantined) {
  Open("s");
  Spill("s");
  store_->LoseLastChanges(1000);
  store_->Write({"s", {3, 5, 1}, "garbage", absl::Hours(1)}, [](const absl::Status&) {});
  store_->CompleteAll();

  EXPECT_THAT(BringBack("s"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("7 bytes"), "SNAPSHOT_BAD"));
  EXPECT_FALSE(spill_.Has("s"));
  EXPECT_NE(store_->PeekQuarantined("s"), std::nullopt);
}

TEST_F(SessionSpillTest, ListsBothKindsInTheOrderOfIds) {
  OpenAll();
  MakeRoom(5);
  ASSERT_EQ(spill_.num_spilled(), 5);

  const auto first = spill_.List({}, "", 7);
  // Between the pages, one listed session is spilled and another one comes back.
  ASSERT_THAT(BringBack(spill_.IdsOf("m").front()), IsOk());
  const auto second = spill_.List({}, first.back().id, 7);

  std::vector<std::string> ids;
  int64_t num_spilled = 0;
  for (const auto* page : {&first, &second}) {
    for (const SessionSummary& session : *page) {
      ids.push_back(session.id);
      num_spilled += session.is_spilled ? 1 : 0;
      EXPECT_EQ(session.model_digest, model_->digest());
    }
  }
  EXPECT_THAT(ids, ElementsAre("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"));
  EXPECT_EQ(num_spilled, 5);
}

TEST_F(SessionSpillTest, ASessionThatIsBeingSpilledIsListedOnce) {
  OpenAll();
  Step("s0", 8);
  for (int i = 1; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();
  clock_.Advance(absl::Seconds(1));
  for (int i = 1; i < kMaxSessions; ++i) Lease(absl::StrCat("s", i)).status().IgnoreError();
  spill_.MakeRoom({1, 0}, [] {});
  ASSERT_EQ(store_->num_waiting(), 1);

  EXPECT_THAT(spill_.List({}, "", 100), SizeIs(kMaxSessions));
  EXPECT_FALSE(spill_.List({}, "", 1).at(0).is_spilled);
  store_->CompleteAll();
  EXPECT_THAT(spill_.List({}, "", 100), SizeIs(kMaxSessions));
  EXPECT_TRUE(spill_.List({}, "", 1).at(0).is_spilled);
}

}  // namespace
}  // namespace rnnserve::testing
