// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the contract of every SnapshotStore: the same tests run for the one in memory and for
// Redis, over a unix socket and over TCP. Fences are tested with all small numbers, against an
// independent statement of the rule.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "tests/server/redis/store_calls.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;
using std::string_literals::operator""s;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

enum class Kind { kMemory, kRedisUnix, kRedisTcp };

class SnapshotStoreContractTest : public ::testing::TestWithParam<Kind> {
 protected:
  static void TearDownTestSuite() { Redis() = {}; }

  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      store_ = std::make_unique<MemorySnapshotStore>(clock_, MemorySnapshotStore::Pace::kAtOnce);
      return;
    }
    const bool is_tcp = GetParam() == Kind::kRedisTcp;
    auto& redis = Redis()[is_tcp ? 1 : 0];
    if (redis == nullptr) {
      auto started = RedisProcess::Start(
          {}, is_tcp ? RedisProcess::Transport::kTcp : RedisProcess::Transport::kUnix);
      ASSERT_THAT(started, IsOk());
      redis = *std::move(started);
    }
    redis->Command({"FLUSHALL"});
    auto opened = OpenStore(*redis);
    ASSERT_THAT(opened, IsOk());
    store_ = *std::move(opened);
  }

  // Returns the Redis servers, one for each transport, that all tests in this file share.
  static std::array<std::unique_ptr<RedisProcess>, 2>& Redis() {
    static auto* const redis = new std::array<std::unique_ptr<RedisProcess>, 2>;
    return *redis;
  }

  const MonotonicClock clock_;
  std::unique_ptr<SnapshotStore> store_;
};

TEST_P(SnapshotStoreContractTest, ReadsWhatWasWritten) {
  EXPECT_THAT(Write(*store_, "a", {3, 4, 5}, "hello"), IsOk());

  const absl::StatusOr<StoredSnapshot> read = Read(*store_, "a");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->bytes, "hello");
  EXPECT_EQ(read->fence, (SnapshotFence{3, 4, 5}));
}

TEST_P(SnapshotStoreContractTest, AFirstSnapshotReplacesNoOtherWhateverItsEpoch) {
  const auto write_first = [this](const std::string& id, const SnapshotFence& fence) {
    Answer<absl::Status> answer;
    store_->Write({id, fence, "first", absl::Hours(1), /*is_first=*/true}, answer.callback());
    return answer.Wait();
  };
  EXPECT_THAT(Write(*store_, "taken", {3, 4, 5}, "hello"), IsOk());
  EXPECT_THAT(Write(*store_, "left", {0, 0, 5}, "hello"), IsOk());

  EXPECT_THAT(write_first("taken", {9, 8, 0}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("epoch 3"), "FENCED"));
  EXPECT_EQ(Read(*store_, "taken")->bytes, "hello");
  EXPECT_THAT(write_first("left", {9, 8, 0}), IsOk());
  EXPECT_EQ(Read(*store_, "left")->fence, (SnapshotFence{9, 8, 0}));
  EXPECT_THAT(write_first("new", {9, 8, 0}), IsOk());
  EXPECT_THAT(write_first("new", {9, 8, 0}), IsOk());
  EXPECT_EQ(Read(*store_, "new")->bytes, "first");
}

TEST_P(SnapshotStoreContractTest, KeepsEveryByte) {
  std::string bytes = "\0\r\n$5\r\n*1\r\n%s"s;
  for (int i = 0; i < 70'000; ++i) bytes.push_back(static_cast<char>(i * 7 % 256));
  const std::string id = "zero\0 crlf\r\n percent%s"s;

  EXPECT_THAT(Write(*store_, id, kOwner, bytes), IsOk());

  EXPECT_EQ(Read(*store_, id)->bytes, bytes);
  EXPECT_EQ(Claim(*store_, id, 8)->bytes, bytes);
}

TEST_P(SnapshotStoreContractTest, KeepsEmptyBytes) {
  EXPECT_THAT(Write(*store_, "", kOwner, ""), IsOk());

  EXPECT_EQ(Read(*store_, "")->bytes, "");
}

TEST_P(SnapshotStoreContractTest, ReportsUnknownSnapshots) {
  const auto is_unknown =
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("no snapshot"), "SNAPSHOT_UNKNOWN");

  EXPECT_THAT(Read(*store_, "a"), is_unknown);
  EXPECT_THAT(Claim(*store_, "a", 8), is_unknown);
  EXPECT_THAT(Remove(*store_, "a", kOwner), IsOk());
}

TEST_P(SnapshotStoreContractTest, AClaimRaisesTheEpochAndReturnsTheStoredVersion) {
  EXPECT_THAT(Write(*store_, "a", {3, 4, 5}, "hello"), IsOk());

  const absl::StatusOr<StoredSnapshot> claimed = Claim(*store_, "a", 9);

  ASSERT_THAT(claimed, IsOk());
  EXPECT_EQ(claimed->fence, (SnapshotFence{4, 9, 5}));
  EXPECT_EQ(claimed->bytes, "hello");
  EXPECT_EQ(Read(*store_, "a")->fence, (SnapshotFence{4, 9, 5}));
}

TEST_P(SnapshotStoreContractTest, TheFormerOwnerCanNeitherWriteNorRemove) {
  EXPECT_THAT(Write(*store_, "a", {1, 7, 5}, "old"), IsOk());
  EXPECT_THAT(Claim(*store_, "a", 8), IsOk());

  EXPECT_THAT(Write(*store_, "a", {1, 7, 6}, "late"),
              StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("epoch 2"), HasSubstr("has 1")),
                       "FENCED"));
  EXPECT_THAT(Remove(*store_, "a", {1, 7, 6}), StatusIs(absl::StatusCode::kAborted, _, "FENCED"));

  EXPECT_EQ(Read(*store_, "a")->bytes, "old");
  EXPECT_THAT(Write(*store_, "a", {2, 8, 6}, "new"), IsOk());
}

TEST_P(SnapshotStoreContractTest, AStoredVersionIsNotWrittenAgain) {
  EXPECT_THAT(Write(*store_, "a", {1, 7, 5}, "first"), IsOk());

  EXPECT_THAT(Write(*store_, "a", {1, 7, 5}, "again"), IsOk());

  EXPECT_EQ(Read(*store_, "a")->bytes, "first");
}

TEST_P(SnapshotStoreContractTest, RemovesASnapshotPermanently) {
  EXPECT_THAT(Write(*store_, "a", {1, 7, 5}), IsOk());

  EXPECT_THAT(Remove(*store_, "a", {1, 7, 5}), IsOk());

  EXPECT_THAT(Read(*store_, "a"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(SnapshotStoreContractTest, AQuarantinedSnapshotFreesItsId) {
  const std::string bytes = "\0\r\nbad"s;
  EXPECT_THAT(Write(*store_, "a", {9, 7, 5}, bytes), IsOk());

  EXPECT_THAT(Quarantine(*store_, "a", bytes), IsOk());

  EXPECT_THAT(Read(*store_, "a"), StatusIs(absl::StatusCode::kNotFound));
  // A new session with the same id starts from scratch, and may be quarantined too.
  EXPECT_THAT(Write(*store_, "a", {1, 8, 1}, "worse"), IsOk());
  EXPECT_THAT(Quarantine(*store_, "a", "worse"), IsOk());
}

TEST_P(SnapshotStoreContractTest, OnlyTheBytesThatWereReadAreQuarantined) {
  EXPECT_THAT(Quarantine(*store_, "a", "bad"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no snapshot"), "SNAPSHOT_UNKNOWN"));
  EXPECT_THAT(Write(*store_, "a", {1, 7, 5}, "good"), IsOk());

  EXPECT_THAT(Quarantine(*store_, "a", "bad"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("another"), "SNAPSHOT_CHANGED"));

  EXPECT_EQ(Read(*store_, "a")->bytes, "good");
}

TEST_P(SnapshotStoreContractTest, NumbersAreExactBeyondDoubles) {
  constexpr uint64_t kDoubles = uint64_t{1} << 53;
  EXPECT_THAT(Write(*store_, "a", {kDoubles, kMax, kDoubles}), IsOk());
  EXPECT_THAT(Write(*store_, "a", {kDoubles, kMax, kDoubles + 1}), IsOk());
  EXPECT_THAT(
      Write(*store_, "a", {kDoubles, kMax, kDoubles}),
      StatusIs(absl::StatusCode::kAborted, HasSubstr(absl::StrCat(kDoubles + 1)), "STALE_VERSION"));
  EXPECT_THAT(Write(*store_, "a", {kDoubles, kMax - 1, kDoubles + 2}),
              StatusIs(absl::StatusCode::kAborted, _, "FENCED"));

  EXPECT_EQ(Claim(*store_, "a", 1)->fence, (SnapshotFence{kDoubles + 1, 1, kDoubles + 1}));
}

TEST_P(SnapshotStoreContractTest, RaisesEpochsWithACarry) {
  EXPECT_THAT(Write(*store_, "a", {9'999'999'999'999'999'999u, 7, 1}), IsOk());

  EXPECT_EQ(Claim(*store_, "a", 1)->fence.epoch, 10'000'000'000'000'000'000u);
}

TEST_P(SnapshotStoreContractTest, TheLastEpochCannotBeClaimed) {
  EXPECT_THAT(Write(*store_, "a", {kMax - 1, 7, 1}), IsOk());
  EXPECT_EQ(Claim(*store_, "a", 8)->fence.epoch, kMax);

  EXPECT_THAT(Claim(*store_, "a", 9), StatusIs(absl::StatusCode::kOutOfRange,
                                               HasSubstr(absl::StrCat(kMax)), "EPOCH_LIMIT"));

  EXPECT_EQ(Read(*store_, "a")->fence, (SnapshotFence{kMax, 8, 1}));
}

TEST_P(SnapshotStoreContractTest, CallbacksMayCallTheStore) {
  Answer<absl::StatusOr<StoredSnapshot>> answer;
  store_->Write({"a", kOwner, "bytes", absl::Hours(1)}, [&](absl::Status status) {
    EXPECT_THAT(status, IsOk());
    store_->Read("a", answer.callback());
  });

  EXPECT_EQ(answer.Wait()->bytes, "bytes");
}

TEST_P(SnapshotStoreContractTest, AnswersEveryCallOnceWhenDestroyed) {
  constexpr int kNumCalls = 1000;
  std::vector<int> num_answers(kNumCalls, 0);
  for (int i = 0; i < kNumCalls; ++i) {
    store_->Write({absl::StrCat(i), kOwner, std::string(1000, 'x'), absl::Hours(1)},
                  [&num_answers, i](absl::Status status) {
                    num_answers[i] +=
                        status.ok() || ErrorReason(status) == "STORE_CLOSED" ? 1 : 100;
                  });
  }

  store_.reset();

  EXPECT_THAT(num_answers, ::testing::Each(1));
}

// Returns all fences whose epoch, nonce and version are small numbers.
std::vector<SnapshotFence> SmallFences() {
  std::vector<SnapshotFence> fences;
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    for (uint64_t nonce = 0; nonce < 2; ++nonce) {
      for (uint64_t version = 0; version < 3; ++version) fences.push_back({epoch, nonce, version});
    }
  }
  return fences;
}

// States the rule independently: a later epoch wins; an epoch has one owner, whose versions only
// grow.
std::string ExpectedReason(const std::optional<SnapshotFence>& stored, const SnapshotFence& mine) {
  if (!stored.has_value()) return "";
  if (std::tie(mine.epoch, mine.nonce) == std::tie(stored->epoch, stored->nonce)) {
    return mine.version < stored->version ? "STALE_VERSION" : "";
  }
  return mine.epoch <= stored->epoch ? "FENCED" : "";
}

std::string Name(const SnapshotFence& fence) {
  return absl::StrCat(fence.epoch, "/", fence.nonce, "/", fence.version);
}

TEST_P(SnapshotStoreContractTest, WritesFollowTheRuleForAllSmallFences) {
  for (const SnapshotFence& stored : SmallFences()) {
    for (const SnapshotFence& mine : SmallFences()) {
      const std::string id = absl::StrCat(Name(stored), " then ", Name(mine));
      ASSERT_THAT(Write(*store_, id, stored, "stored"), IsOk());

      const absl::Status status = Write(*store_, id, mine, "mine");

      const std::string reason = ExpectedReason(stored, mine);
      EXPECT_EQ(ErrorReason(status), reason) << id;
      EXPECT_EQ(Read(*store_, id)->fence, reason.empty() ? mine : stored) << id;
      const bool is_new = reason.empty() && !(mine == stored);
      EXPECT_EQ(Read(*store_, id)->bytes, is_new ? "mine" : "stored") << id;
    }
  }
}

TEST_P(SnapshotStoreContractTest, RemovalsFollowTheRuleForAllSmallFences) {
  for (const SnapshotFence& stored : SmallFences()) {
    for (const SnapshotFence& mine : SmallFences()) {
      const std::string id = absl::StrCat(Name(stored), " then ", Name(mine));
      ASSERT_THAT(Write(*store_, id, stored, "stored"), IsOk());

      const absl::Status status = Remove(*store_, id, mine);

      const std::string reason = ExpectedReason(stored, mine);
      EXPECT_EQ(ErrorReason(status), reason) << id;
      EXPECT_EQ(Read(*store_, id).ok(), !reason.empty()) << id;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Kind>& kind) {
  constexpr const char* kNames[] = {"Memory", "RedisOnUnixSocket", "RedisOnTcp"};
  return kNames[static_cast<size_t>(kind.param)];
}

INSTANTIATE_TEST_SUITE_P(Stores, SnapshotStoreContractTest,
                         ::testing::Values(Kind::kMemory, Kind::kRedisUnix, Kind::kRedisTcp),
                         NameOf);

}  // namespace
}  // namespace rnnserve::testing
