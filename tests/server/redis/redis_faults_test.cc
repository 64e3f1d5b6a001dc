// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests that RedisSnapshotStore answers in time and recovers by itself when a Redis server is
// killed, stopped, emptied, demoted or full. The faults are real. The time limits are those that
// the store promises, with a margin for a busy machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/error.h"
#include "tests/server/redis/store_calls.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using server::RedisSnapshotStore;
using ::testing::_;
using ::testing::HasSubstr;

// The time limit, on a busy machine, for what the store promises to do within a second.
constexpr absl::Duration kSecond = absl::Milliseconds(1500);
// The time limit for a call, which only queues a command. It is far above the time that this takes,
// and far below any timeout of the store.
constexpr absl::Duration kAtOnce = absl::Milliseconds(200);
constexpr absl::Duration kPatience = absl::Seconds(30);

class RedisFaultsTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& arguments = {},
             RedisProcess::Transport transport = RedisProcess::Transport::kUnix) {
    auto redis = RedisProcess::Start(arguments, transport);
    ASSERT_THAT(redis, IsOk());
    redis_ = *std::move(redis);
    Open();
  }

  void Open(const RedisSnapshotStore::Options& options = {}) {
    auto store = OpenStore(*redis_, options);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  absl::Status WriteNext() { return Write(*store_, "a", {1, 7, ++version_}); }

  // Retries a write until it succeeds, and returns how long that took.
  absl::Duration AwaitRecovery() {
    const absl::Time start = absl::Now();
    while (!WriteNext().ok() && absl::Now() - start < kPatience) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    return absl::Now() - start;
  }

  std::unique_ptr<RedisProcess> redis_;
  std::unique_ptr<RedisSnapshotStore> store_;
  uint64_t version_ = 0;
};

const auto kIsDown = StatusIs(absl::StatusCode::kUnavailable, _, "STORE_DOWN");

TEST_F(RedisFaultsTest, ScriptsThatRedisForgotAreSentAgain) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Command({"SCRIPT", "FLUSH"});

  EXPECT_THAT(WriteNext(), IsOk());
  EXPECT_THAT(Claim(*store_, "a", 8), IsOk());
  EXPECT_THAT(Remove(*store_, "a", {2, 8, 9}), IsOk());

  // Each script is sent once. After that, Redis knows it again.
  EXPECT_THAT(redis_->Command({"INFO", "commandstats"}), HasSubstr("cmdstat_eval:calls=3,"));
  EXPECT_THAT(Write(*store_, "a", kOwner), IsOk());
  EXPECT_THAT(redis_->Command({"INFO", "commandstats"}), HasSubstr("cmdstat_eval:calls=3,"));
}

TEST_F(RedisFaultsTest, ManyWritesSurviveForgottenScripts) {
  Start();
  redis_->Command({"SCRIPT", "FLUSH"});
  std::vector<Answer<absl::Status>> answers(200);

  for (size_t i = 0; i < answers.size(); ++i) {
    store_->Write({absl::StrCat(i), kOwner, "bytes", absl::Hours(1)}, answers[i].callback());
  }

  for (const auto& answer : answers) EXPECT_THAT(answer.Wait(), IsOk());
  EXPECT_EQ(redis_->Command({"DBSIZE"}), "200");
}

TEST_F(RedisFaultsTest, AKilledServerIsDownAndWorksAgainAfterARestart) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Kill();

  const absl::Time killed = absl::Now();
  EXPECT_THAT(WriteNext(), kIsDown);
  EXPECT_LT(absl::Now() - killed, kSecond);
  EXPECT_THAT(store_->health(), kIsDown);

  ASSERT_THAT(redis_->Restart(), IsOk());
  EXPECT_LT(AwaitRecovery(), absl::Seconds(5));
  EXPECT_THAT(store_->health(), IsOk());
}

TEST_F(RedisFaultsTest, AServerOnTcpIsFoundAgain) {
  Start({}, RedisProcess::Transport::kTcp);
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Kill();
  EXPECT_THAT(WriteNext(), kIsDown);

  ASSERT_THAT(redis_->Restart(), IsOk());

  EXPECT_LT(AwaitRecovery(), absl::Seconds(5));
}

TEST_F(RedisFaultsTest, ARestartWithoutDataShowsInTheClaim) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Kill();
  ASSERT_THAT(redis_->Restart(), IsOk());
  AwaitRecovery();
  EXPECT_THAT(Remove(*store_, "a", {1, 7, version_}), IsOk());

  EXPECT_THAT(Claim(*store_, "a", 8), StatusIs(absl::StatusCode::kNotFound, _, "SNAPSHOT_UNKNOWN"));
}

TEST_F(RedisFaultsTest, AStoppedServerBlocksNoCallerAndIsGivenUpWithinASecond) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  ASSERT_TRUE(redis_->Pause());

  const absl::Time start = absl::Now();
  std::vector<Answer<absl::Status>> answers(500);
  for (size_t i = 0; i < answers.size(); ++i) {
    store_->Write({absl::StrCat(i), kOwner, std::string(16 << 10, 'x'), absl::Hours(1)},
                  answers[i].callback());
  }
  EXPECT_LT(absl::Now() - start, kAtOnce);
  for (const auto& answer : answers) EXPECT_THAT(answer.Wait(), kIsDown);
  EXPECT_LT(absl::Now() - start, kSecond);

  // From now on, no call waits at all.
  const absl::Time second = absl::Now();
  EXPECT_THAT(WriteNext(), kIsDown);
  EXPECT_LT(absl::Now() - second, kAtOnce);

  redis_->Resume();
  EXPECT_LT(AwaitRecovery(), absl::Seconds(5));
}

TEST_F(RedisFaultsTest, AStoppedServerDoesNotDelayTheDestructor) {
  Start();
  ASSERT_TRUE(redis_->Pause());
  Answer<absl::Status> answer;
  store_->Write({"a", kOwner, "bytes", absl::Hours(1)}, answer.callback());

  const absl::Time start = absl::Now();
  store_.reset();

  EXPECT_LT(absl::Now() - start, kAtOnce);
  EXPECT_THAT(answer.Wait(), StatusIs(absl::StatusCode::kCancelled, _, "STORE_CLOSED"));
}

TEST_F(RedisFaultsTest, ALostConnectionIsReestablished) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());

  redis_->Command({"CLIENT", "KILL", "TYPE", "normal"});

  EXPECT_LT(AwaitRecovery(), absl::Seconds(1));
}

TEST_F(RedisFaultsTest, AFullServerIsReportedAsFull) {
  Start({"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"});
  absl::Status status;
  int num_written = 0;
  while (status.ok() && num_written < 100) {
    status = Write(*store_, absl::StrCat(num_written++), kOwner, std::string(256 << 10, 'x'));
  }

  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no memory"), "STORE_FULL"));
  EXPECT_GT(RetryDelay(status), absl::ZeroDuration());
  EXPECT_THAT(Read(*store_, "0"), IsOk());
  EXPECT_THAT(store_->health(), IsOk());

  for (int i = 0; i < num_written; ++i) Remove(*store_, absl::StrCat(i), kOwner).IgnoreError();
  EXPECT_THAT(WriteNext(), IsOk());
}

TEST_F(RedisFaultsTest, AServerThatBecomesAReplicaIsDownUntilItIsMasterAgain) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Command({"REPLICAOF", "127.0.0.1", "1"});

  EXPECT_THAT(WriteNext(), kIsDown);
  EXPECT_THAT(WriteNext(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'slave'")));

  redis_->Command({"REPLICAOF", "NO", "ONE"});
  EXPECT_LT(AwaitRecovery(), absl::Seconds(5));
}

TEST_F(RedisFaultsTest, AServerThatBeginsToEvictIsNotUsedAfterAReconnect) {
  Start();
  EXPECT_THAT(WriteNext(), IsOk());
  redis_->Command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  redis_->Command({"CLIENT", "KILL", "TYPE", "normal"});

  absl::Status status = WriteNext();
  if (!absl::StrContains(status.message(), "allkeys-lru")) status = WriteNext();

  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'allkeys-lru'"), "STORE_DOWN"));
}

TEST_F(RedisFaultsTest, CommandsBeyondTheByteLimitAreRefused) {
  Start();
  RedisSnapshotStore::Options options;
  options.client.max_waiting_bytes = 10'000;
  Open(options);
  ASSERT_TRUE(redis_->Pause());
  Answer<absl::Status> first;
  Answer<absl::Status> second;

  store_->Write({"a", kOwner, std::string(6000, 'x'), absl::Hours(1)}, first.callback());
  store_->Write({"b", kOwner, std::string(6000, 'x'), absl::Hours(1)}, second.callback());

  EXPECT_THAT(second.Wait(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("10000"),
                                      "STORE_QUEUE_LIMIT"));
  redis_->Resume();
  EXPECT_THAT(first.Wait(), IsOk());
  EXPECT_THAT(Write(*store_, "b", kOwner, std::string(6000, 'x')), IsOk());
}

}  // namespace
}  // namespace rnnserve::testing
