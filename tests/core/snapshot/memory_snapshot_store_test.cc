// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the faults that a test can inject into a MemorySnapshotStore.
// tests/server/redis/snapshot_store_contract_test.cc tests what every SnapshotStore promises.

#include "tests/support/memory_snapshot_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Status kDown = MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down");

class MemorySnapshotStoreTest : public ::testing::Test {
 protected:
  void Write(const std::string& id, uint64_t version) {
    store_.Write({id, {1, 7, version}, "bytes", absl::Minutes(1)}, [this](absl::Status status) {
      told_.push_back(status.ok() ? "OK" : ErrorReason(status));
    });
  }
  uint64_t VersionOf(const std::string& id) const {
    const std::optional<StoredSnapshot> stored = store_.Peek(id);
    return stored.has_value() ? stored->fence.version : 0;
  }

  FakeClock clock_;
  std::vector<std::string> told_;
  MemorySnapshotStore store_{clock_};
};

TEST_F(MemorySnapshotStoreTest, DoesNothingUntilItIsToldTo) {
  Write("a", 1);
  EXPECT_EQ(VersionOf("a"), 0u);
  EXPECT_THAT(told_, IsEmpty());

  EXPECT_TRUE(store_.CompleteNext());

  EXPECT_EQ(VersionOf("a"), 1u);
  EXPECT_THAT(told_, ElementsAre("OK"));
  EXPECT_FALSE(store_.CompleteNext());
}

TEST_F(MemorySnapshotStoreTest, FailsCallsWithoutAChange) {
  store_.FailNext(1, kDown);
  Write("a", 1);
  Write("b", 1);

  EXPECT_EQ(store_.CompleteAll(), 2);

  EXPECT_THAT(told_, ElementsAre("STORE_DOWN", "OK"));
  EXPECT_EQ(VersionOf("a"), 0u);
}

TEST_F(MemorySnapshotStoreTest, LosesAnAnswerAfterTheChange) {
  store_.LoseAnswers(1, kDown);
  Write("a", 1);

  store_.CompleteAll();

  EXPECT_THAT(told_, ElementsAre("STORE_DOWN"));
  EXPECT_EQ(VersionOf("a"), 1u);
}

TEST_F(MemorySnapshotStoreTest, HangsUntilItIsReleased) {
  store_.Hang(true);
  Write("a", 1);
  EXPECT_EQ(store_.CompleteAll(), 0);
  EXPECT_EQ(store_.num_waiting(), 1);

  store_.Hang(false);

  EXPECT_EQ(store_.CompleteAll(), 1);
}

TEST_F(MemorySnapshotStoreTest, LosesTheLastChanges) {
  Write("a", 1);
  Write("a", 2);
  Write("b", 1);
  store_.CompleteAll();

  store_.LoseLastChanges(2);

  EXPECT_EQ(VersionOf("a"), 1u);
  EXPECT_EQ(VersionOf("b"), 0u);
}

TEST_F(MemorySnapshotStoreTest, ForgetsExpiredSnapshots) {
  Write("a", 1);
  store_.CompleteAll();
  clock_.Advance(absl::Seconds(59));
  EXPECT_EQ(VersionOf("a"), 1u);

  clock_.Advance(absl::Seconds(1));

  EXPECT_EQ(VersionOf("a"), 0u);
}

TEST(MemorySnapshotStoreEndTest, AnswersEveryCallWhenItIsDestroyed) {
  FakeClock clock;
  std::string told;
  {
    MemorySnapshotStore store(clock);
    store.Hang(true);
    store.Read("a", [&told](absl::StatusOr<StoredSnapshot> s) { told = ErrorReason(s.status()); });
  }

  EXPECT_EQ(told, "STORE_CLOSED");
}

}  // namespace
}  // namespace rnnserve::testing
