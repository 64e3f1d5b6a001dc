// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests when Checkpointer sends snapshots, and what it does with each answer of the store. The test
// plays the store and makes the changes to the sessions.

#include "core/checkpoint/checkpointer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "core/base/error.h"
#include "core/snapshot/snapshot_frame.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class CountingObserver final : public CheckpointObserver {
 public:
  void OnCheckpoint(const absl::Status& status, int64_t /*bytes*/,
                    absl::Duration duration) override {
    checkpoints.push_back(status);
    last_duration = duration;
  }
  void OnRestored(const absl::Status& status, absl::Duration /*duration*/) override {
    restorations.push_back(status);
  }
  void OnQuarantined(const std::string& session_id, const absl::Status& /*why*/) override {
    quarantined.push_back(session_id);
  }

  std::vector<absl::Status> checkpoints;
  std::vector<absl::Status> restorations;
  std::vector<std::string> quarantined;
  absl::Duration last_duration;
};

class CheckpointerTest : public ::testing::Test {
 protected:
  CheckpointerTest() { Restart({}); }
  void Restart(const Checkpointer::Options& options) {
    auto store = std::make_unique<MemorySnapshotStore>(clock_);
    store_ = store.get();
    checkpointer_.emplace(clock_, sessions_, observer_, std::move(store),
                          SnapshotKeys(SnapshotKey(SnapshotKey::Secret{1})), options);
  }

  Checkpointer::FindModel find_model() {
    return [this](const Snapshot&) { return PinnedModel{model_}; };
  }
  void PutInStore(const std::string& bytes) {
    store_->Write({"s", {4, 4, 4}, bytes, absl::Seconds(60)}, [](const absl::Status&) {});
    store_->CompleteAll();
  }
  absl::Status Restore(const std::string& id) {
    std::optional<absl::Status> restored;
    checkpointer_->Restore(id, find_model(),
                           [&restored](absl::Status status) { restored = std::move(status); });
    store_->CompleteAll();
    return *restored;
  }
  void OpenNone(const std::string& id, uint64_t version, bool detached) {
    const auto opened = sessions_.Open({.id = id,
                                        .model_name = "m",
                                        .model = model_,
                                        .state = SessionState(*model_),
                                        .detached = detached,
                                        .idle_timeout = absl::Seconds(60),
                                        .version = version});
    ASSERT_THAT(opened, IsOk());
  }
  void End(const std::string& id) { std::move(*Lease(id)).End(EndReason::kClosed); }
  // FlushForGood blocks until the store has answered, so another thread completes the store's
  // calls.
  bool FlushForGood() {
    std::atomic<bool> is_done = false;
    std::thread store([this, &is_done] {
      while (!is_done) store_->CompleteAll();
    });
    const bool stored = checkpointer_->FlushForGood(absl::Seconds(30));
    is_done = true;
    store.join();
    return stored;
  }
  SessionLease Open(const std::string& id, Durability durability) {
    return *sessions_.OpenLeased({.id = id,
                                  .model_name = "m",
                                  .model = model_,
                                  .state = SessionState(*model_),
                                  .detached = true,
                                  .idle_timeout = absl::Seconds(60),
                                  .durability = durability,
                                  .nonce = 5});
  }
  absl::StatusOr<SessionLease> Lease(const std::string& id) {
    std::optional<absl::StatusOr<SessionLease>> lease;
    sessions_.Lease(id, [&lease](absl::StatusOr<SessionLease> given) { lease = std::move(given); });
    return *std::move(lease);
  }
  // Steps the session. The returned status is set when the client may be told about the step.
  std::optional<absl::Status>& Step(const std::string& id) {
    SessionLease lease = *Lease(id);
    lease.CommitStep();
    answers_.emplace_back();
    std::optional<absl::Status>& answer = answers_.back();
    checkpointer_->Commit(std::move(lease),
                          [&answer](absl::Status status) { answer = std::move(status); });
    return answer;
  }
  uint64_t DurableVersion(const std::string& id) { return Lease(id)->durable_version(); }

  FakeClock clock_;
  const ModelPtr model_ = DoublingModel();
  CountingObserver observer_;
  SessionTable sessions_{clock_, [](const std::string&, EndReason) {}, {}};
  MemorySnapshotStore* store_ = nullptr;
  std::deque<std::optional<absl::Status>> answers_;
  std::optional<Checkpointer> checkpointer_;
};

TEST_F(CheckpointerTest, ASyncChangeIsAnsweredWhenItIsStored) {
  Open("s", Durability::kSync);

  const auto& answer = Step("s");
  EXPECT_FALSE(answer.has_value());
  EXPECT_EQ(store_->CompleteAll(), 1);

  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, IsOk());
  EXPECT_EQ(DurableVersion("s"), 1u);
  EXPECT_EQ(store_->Peek("s")->fence, (SnapshotFence{1, 5, 1}));
}

TEST_F(CheckpointerTest, AnAsyncChangeIsAnsweredAtOnceAndStoredAfterSomeSteps) {
  Checkpointer::Options options;
  options.steps = 3;
  Restart(options);
  Open("s", Durability::kAsync);

  for (int i = 0; i < 2; ++i) EXPECT_THAT(*Step("s"), IsOk());
  EXPECT_EQ(store_->num_waiting(), 0);
  EXPECT_EQ(checkpointer_->load().listed_sessions, 1);
  EXPECT_THAT(*Step("s"), IsOk());
  EXPECT_EQ(store_->num_waiting(), 1);
  EXPECT_EQ(DurableVersion("s"), 0u);
  store_->CompleteAll();

  EXPECT_EQ(DurableVersion("s"), 3u);
  // The tick finds nothing to send.
  clock_.Advance(absl::Seconds(2));
  checkpointer_->Tick();
  EXPECT_EQ(store_->num_waiting(), 0);
  EXPECT_EQ(checkpointer_->load().listed_sessions, 0);
}

TEST_F(CheckpointerTest, AFastSessionIsNotStoredMoreOftenThanTheMinInterval) {
  Checkpointer::Options options;
  options.steps = 3;
  options.min_interval = absl::Milliseconds(100);
  Restart(options);
  Open("s", Durability::kAsync);
  for (int i = 0; i < 3; ++i) Step("s");
  EXPECT_EQ(store_->CompleteAll(), 1);

  clock_.Advance(absl::Milliseconds(99));
  for (int i = 0; i < 7; ++i) Step("s");
  EXPECT_EQ(store_->num_waiting(), 0);
  clock_.Advance(absl::Milliseconds(1));
  Step("s");
  EXPECT_EQ(store_->CompleteAll(), 1);

  EXPECT_EQ(DurableVersion("s"), 11u);
}

TEST_F(CheckpointerTest, AFastSessionThatStopsIsStoredAfterTheInterval) {
  Checkpointer::Options options;
  options.steps = 3;
  Restart(options);
  Open("s", Durability::kAsync);
  for (int i = 0; i < 3 + 7; ++i) Step("s");
  store_->CompleteAll();
  EXPECT_EQ(DurableVersion("s"), 3u);

  clock_.Advance(options.interval);
  checkpointer_->Tick();
  store_->CompleteAll();

  EXPECT_EQ(DurableVersion("s"), 10u);
}

TEST_F(CheckpointerTest, AWriteWhoseAnswerIsLostIsRetried) {
  Checkpointer::Options options;
  options.steps = 1;
  Restart(options);
  Open("s", Durability::kAsync);
  store_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));
  Step("s");
  store_->CompleteAll();
  EXPECT_EQ(DurableVersion("s"), 0u);
  EXPECT_EQ(checkpointer_->load().pending_writes, 1);

  clock_.Advance(absl::Seconds(2));
  checkpointer_->Tick();
  store_->CompleteAll();

  EXPECT_EQ(DurableVersion("s"), 1u);
  EXPECT_EQ(checkpointer_->load().pending_writes, 0);
  EXPECT_EQ(observer_.last_duration, absl::Seconds(2));
}

TEST_F(CheckpointerTest, AFullBufferLosesNothing) {
  Checkpointer::Options options;
  options.steps = 1;
  options.buffer.max_bytes = 10;
  Restart(options);
  Open("s", Durability::kAsync);
  EXPECT_THAT(*Step("s"), IsOk());

  EXPECT_EQ(store_->num_waiting(), 0);
  EXPECT_EQ(checkpointer_->load().listed_sessions, 1);
  ASSERT_EQ(observer_.checkpoints.size(), 1u);
  EXPECT_THAT(observer_.checkpoints[0], StatusIs(absl::StatusCode::kResourceExhausted,
                                                 HasSubstr("10"), "CHECKPOINT_BUFFER_LIMIT"));
}

TEST_F(CheckpointerTest, CanBeDestroyedWhileWritesAreQueued) {
  Checkpointer::Options options;
  options.steps = 1;
  options.buffer.max_in_flight = 1;
  Restart(options);
  for (const char* id : {"a", "b", "c"}) Open(id, Durability::kAsync);
  for (const char* id : {"a", "b", "c"}) Step(id);
  EXPECT_EQ(checkpointer_->load().pending_writes, 3);

  checkpointer_.reset();

  EXPECT_EQ(observer_.checkpoints.size(), 3u);
}

TEST_F(CheckpointerTest, AReplacedOwnerEndsItsCopy) {
  Open("s", Durability::kSync);
  Step("s");
  store_->CompleteAll();
  store_->Claim("s", 99, absl::Seconds(60), [](const absl::StatusOr<StoredSnapshot>&) {});
  store_->CompleteAll();

  const auto& answer = Step("s");
  store_->CompleteAll();

  EXPECT_THAT(*answer, StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "FENCED"));
  EXPECT_THAT(Lease("s").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
}

TEST_F(CheckpointerTest, ASessionThatCannotBeStoredIsNotOpened) {
  std::optional<absl::Status> created;
  store_->FailNext(1, MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down"));
  checkpointer_->Create(Open("s", Durability::kAsync),
                        [&created](absl::Status status) { created = std::move(status); });
  store_->CompleteAll();

  EXPECT_THAT(*created, StatusIs(absl::StatusCode::kUnavailable, "down", "STORE_DOWN"));
  EXPECT_THAT(Lease("s").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
}

TEST_F(CheckpointerTest, AnEndDropsTheQueuedWrite) {
  Checkpointer::Options options;
  options.steps = 1;
  options.buffer.max_in_flight = 1;
  Restart(options);
  Open("other", Durability::kAsync);
  Open("s", Durability::kAsync);
  Step("other");
  Step("s");
  std::optional<absl::Status> ended;

  checkpointer_->End(*Lease("s"), EndReason::kClosed,
                     [&ended](absl::Status status) { ended = std::move(status); });
  store_->CompleteAll();

  EXPECT_THAT(*ended, IsOk());
  EXPECT_EQ(store_->Peek("s"), std::nullopt);
  EXPECT_NE(store_->Peek("other"), std::nullopt);
}

TEST_F(CheckpointerTest, ALaterCallerIsNotAnsweredFromAnEarlierRead) {
  const auto find_model = [this](const Snapshot&) { return PinnedModel{model_}; };
  std::optional<absl::Status> first;
  std::optional<absl::Status> later;
  checkpointer_->Restore("s", find_model, [&first](absl::Status status) { first = status; });
  checkpointer_->Restore("s", find_model, [&later](absl::Status status) { later = status; });
  store_->CompleteNext();
  EXPECT_THAT(*first, StatusIs(absl::StatusCode::kNotFound, HasSubstr("store"), "SESSION_UNKNOWN"));
  EXPECT_FALSE(later.has_value());

  store_->CompleteAll();

  EXPECT_THAT(*later, StatusIs(absl::StatusCode::kNotFound, HasSubstr("store"), "SESSION_UNKNOWN"));
  EXPECT_EQ(observer_.restorations.size(), 2u);
}

TEST_F(CheckpointerTest, ADamagedSnapshotIsQuarantinedAndItsIdIsFree) {
  PutInStore("garbage");

  EXPECT_THAT(Restore("s"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("7 bytes"), "SNAPSHOT_BAD"));

  EXPECT_EQ(store_->Peek("s"), std::nullopt);
  EXPECT_EQ(store_->PeekQuarantined("s")->bytes, "garbage");
  EXPECT_EQ(observer_.quarantined, std::vector<std::string>{"s"});
  EXPECT_THAT(Restore("s"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("store"), "SESSION_UNKNOWN"));
  EXPECT_EQ(observer_.restorations.size(), 2u);
}

TEST_F(CheckpointerTest, AQuarantinedSnapshotIsForgottenAfterADay) {
  PutInStore("garbage");
  Restore("s").IgnoreError();

  clock_.Advance(SessionRestorer::kQuarantineTime - absl::Seconds(1));
  EXPECT_NE(store_->PeekQuarantined("s"), std::nullopt);
  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(store_->PeekQuarantined("s"), std::nullopt);
}

TEST_F(CheckpointerTest, ASnapshotWrittenMeanwhileIsNotQuarantined) {
  PutInStore("garbage");
  std::optional<absl::Status> restored;
  checkpointer_->Restore("s", find_model(),
                         [&restored](absl::Status status) { restored = std::move(status); });
  // The session's owner is still alive, and writes after this server has read the snapshot.
  store_->Write({"s", {4, 4, 5}, "better", absl::Seconds(60)}, [](const absl::Status&) {});
  store_->CompleteAll();

  EXPECT_THAT(*restored, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(""), "SNAPSHOT_BAD"));
  EXPECT_EQ(store_->Peek("s")->bytes, "better");
  EXPECT_TRUE(observer_.quarantined.empty());
}

// A snapshot that this server cannot read, although another server may be able to.
struct Foreign {
  std::string name;
  std::function<std::string(const ModelPtr& model)> bytes;
  std::string reason;
};

class CheckpointerForeignTest : public CheckpointerTest,
                                public ::testing::WithParamInterface<Foreign> {};

Snapshot SnapshotFor(const Model& model) {
  SessionState state(model);
  Snapshot snapshot;
  snapshot.session_id = "s";
  snapshot.model = "m";
  const std::string digest = absl::HexStringToBytes(model.digest());
  std::copy_n(digest.begin(), std::min(digest.size(), snapshot.model_digest.size()),
              snapshot.model_digest.begin());
  snapshot.epoch = 1;
  snapshot.durability = 1;
  const absl::Span<const float> block = state.view().block();
  snapshot.state.assign(block.begin(), block.end());
  return snapshot;
}

TEST_P(CheckpointerForeignTest, IsLeftAlone) {
  PutInStore(GetParam().bytes(model_));

  EXPECT_EQ(ErrorReason(Restore("s")), GetParam().reason);

  EXPECT_EQ(store_->Peek("s")->fence, (SnapshotFence{4, 4, 4}));
  EXPECT_TRUE(observer_.quarantined.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Snapshots, CheckpointerForeignTest,
    ::testing::Values(
        Foreign{"AnotherModel",
                [](const ModelPtr& model) {
                  Snapshot snapshot = SnapshotFor(*model);
                  snapshot.model_digest = {1};
                  return EncodeSnapshot(snapshot, SnapshotKey(SnapshotKey::Secret{1}));
                },
                "MODEL_CHANGED"},
        Foreign{"OtherStates",
                [](const ModelPtr& model) {
                  Snapshot snapshot = SnapshotFor(*model);
                  snapshot.layout_digest = {1};
                  return EncodeSnapshot(snapshot, SnapshotKey(SnapshotKey::Secret{1}));
                },
                "SNAPSHOT_BAD"},
        Foreign{"AnotherKey",
                [](const ModelPtr& model) {
                  return EncodeSnapshot(SnapshotFor(*model), SnapshotKey(SnapshotKey::Secret{2}));
                },
                "SNAPSHOT_BAD"},
        Foreign{"NewerFormat",
                [](const ModelPtr&) {
                  std::string bytes(kFrameHeadBytes, '\0');
                  SealSnapshot(kSnapshotVersion + 1, kFrameHeadBytes,
                               SnapshotKey(SnapshotKey::Secret{1}), bytes);
                  return bytes;
                },
                "SNAPSHOT_VERSION"},
        Foreign{"FormerFormat",
                [](const ModelPtr&) {
                  std::string bytes(kFrameHeadBytes, '\0');
                  SealSnapshot(0, kFrameHeadBytes, SnapshotKey(SnapshotKey::Secret{1}), bytes);
                  return bytes;
                },
                "SNAPSHOT_BAD"}),
    [](const ::testing::TestParamInfo<Foreign>& foreign) { return foreign.param.name; });

TEST_F(CheckpointerTest, ASessionThatIsNotDurableIsLeftBehindAndTakenOnce) {
  OpenNone("s", 7, /*detached=*/true);
  OpenNone("bound", 0, /*detached=*/false);

  EXPECT_TRUE(FlushForGood());

  EXPECT_EQ(store_->Peek("s")->fence, (SnapshotFence{0, 0, 7}));
  EXPECT_EQ(store_->Peek("bound"), std::nullopt);
  End("s");
  EXPECT_THAT(Restore("s"), IsOk());
  const SessionLease lease = *Lease("s");
  EXPECT_EQ(lease.durability(), Durability::kNone);
  EXPECT_EQ(lease.version(), 7u);
  EXPECT_EQ(lease.epoch(), 2u);
  EXPECT_EQ(store_->Peek("s"), std::nullopt);
}

TEST_F(CheckpointerTest, APartingSnapshotIsKeptForTheIdleTimeout) {
  OpenNone("s", 0, /*detached=*/true);
  EXPECT_TRUE(FlushForGood());

  clock_.Advance(absl::Seconds(59));
  EXPECT_NE(store_->Peek("s"), std::nullopt);
  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(store_->Peek("s"), std::nullopt);
}

TEST_F(CheckpointerTest, ALaterPartingSnapshotReplacesAnEarlierOne) {
  OpenNone("s", 7, /*detached=*/true);
  EXPECT_TRUE(FlushForGood());
  End("s");
  OpenNone("s", 3, /*detached=*/true);

  EXPECT_TRUE(FlushForGood());

  EXPECT_EQ(store_->Peek("s")->fence, (SnapshotFence{0, 0, 3}));
}

TEST_F(CheckpointerTest, APartingSnapshotNeverReplacesADurableSession) {
  store_->Write({"s", {1, 9, 2}, "of another server", absl::Seconds(60)},
                [](const absl::Status&) {});
  store_->CompleteAll();
  OpenNone("s", 7, /*detached=*/true);

  EXPECT_TRUE(FlushForGood());

  EXPECT_EQ(store_->Peek("s")->bytes, "of another server");
}

TEST_F(CheckpointerTest, OnlyOneOfTwoServersGetsAPartingSnapshot) {
  OpenNone("s", 7, /*detached=*/true);
  EXPECT_TRUE(FlushForGood());
  End("s");
  std::optional<absl::Status> restored;
  checkpointer_->Restore("s", find_model(),
                         [&restored](absl::Status status) { restored = std::move(status); });
  store_->CompleteNext();
  // Another server claims the session after this server has claimed it.
  store_->Claim("s", 99, absl::Seconds(60), [](const absl::StatusOr<StoredSnapshot>&) {});
  store_->CompleteAll();

  EXPECT_THAT(*restored, StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch"), "FENCED"));
  EXPECT_EQ(store_->Peek("s")->fence, (SnapshotFence{2, 99, 7}));
  EXPECT_THAT(Lease("s").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("another server"), "SESSION_MOVED"));
}

TEST_F(CheckpointerTest, FlushForGoodGivesUpOnAStoreThatDoesNotAnswer) {
  OpenNone("s", 7, /*detached=*/true);

  EXPECT_FALSE(checkpointer_->FlushForGood(absl::ZeroDuration()));
  store_->CompleteAll();
}

}  // namespace
}  // namespace rnnserve::testing
