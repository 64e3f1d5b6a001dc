// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the format of numbers and lifetimes, the form of a session in Redis, and the answers of the
// scripts for a key that is not a snapshot. The contract test checks that the scripts follow the
// fencing rule.

#include "server/redis/redis_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "tests/server/redis/store_calls.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using server::FromRedisNumber;
using server::ToRedisLifetime;
using server::ToRedisNumber;
using ::testing::_;

TEST(RedisNumberTest, HasTwentyDigits) {
  EXPECT_EQ(ToRedisNumber(0), "00000000000000000000");
  EXPECT_EQ(ToRedisNumber(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(FromRedisNumber("00000000000000000042"), 42u);
  EXPECT_EQ(FromRedisNumber("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(RedisNumberTest, OtherTextIsNotANumber) {
  EXPECT_EQ(FromRedisNumber("42"), std::nullopt);
  EXPECT_EQ(FromRedisNumber("18446744073709551616"), std::nullopt);
  EXPECT_EQ(FromRedisNumber("+0000000000000000042"), std::nullopt);
  EXPECT_EQ(FromRedisNumber("0000000000000000004 "), std::nullopt);
}

TEST(RedisLifetimeTest, IsRoundedUpAndNeverZeroUnlessForEver) {
  EXPECT_EQ(ToRedisLifetime(absl::Seconds(2)), "2000");
  EXPECT_EQ(ToRedisLifetime(absl::Microseconds(1)), "1");
  EXPECT_EQ(ToRedisLifetime(absl::Microseconds(1001)), "2");
  EXPECT_EQ(ToRedisLifetime(absl::InfiniteDuration()), "0");
}

class RedisScriptsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto redis = RedisProcess::Start();
    ASSERT_THAT(redis, IsOk());
    redis_ = *std::move(redis);
    auto store = OpenStore(*redis_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  int64_t MillisecondsToLive(const std::string& id) const {
    int64_t milliseconds = 0;
    EXPECT_TRUE(absl::SimpleAtoi(redis_->Command({"PTTL", "rnnserve:" + id}), &milliseconds));
    return milliseconds;
  }

  std::unique_ptr<RedisProcess> redis_;
  std::unique_ptr<SnapshotStore> store_;
};

TEST_F(RedisScriptsTest, ASessionIsOneHash) {
  EXPECT_THAT(Write(*store_, "a", {1, 2, 3}, "bytes"), IsOk());

  EXPECT_EQ(
      redis_->Command({"HGETALL", "rnnserve:a"}),
      "e\n00000000000000000001\nn\n00000000000000000002\nv\n00000000000000000003\nb\nbytes\n");
}

TEST_F(RedisScriptsTest, WritesAndClaimsSetTheTimeToLive) {
  EXPECT_THAT(Write(*store_, "a", {1, 7, 1}, "bytes", absl::Seconds(100)), IsOk());
  EXPECT_GT(MillisecondsToLive("a"), 50'000);
  EXPECT_LE(MillisecondsToLive("a"), 100'000);

  EXPECT_THAT(Write(*store_, "a", {1, 7, 1}, "bytes", absl::Seconds(300)), IsOk());
  EXPECT_GT(MillisecondsToLive("a"), 250'000);

  EXPECT_THAT(Claim(*store_, "a", 8, absl::Seconds(1000)), IsOk());
  EXPECT_GT(MillisecondsToLive("a"), 950'000);

  EXPECT_THAT(Write(*store_, "a", {2, 8, 2}, "bytes", absl::InfiniteDuration()), IsOk());
  EXPECT_EQ(MillisecondsToLive("a"), -1);
}

TEST_F(RedisScriptsTest, QuarantineRenamesTheKeyForATime) {
  EXPECT_THAT(Write(*store_, "a", {1, 2, 3}, "bad", absl::InfiniteDuration()), IsOk());

  EXPECT_THAT(Quarantine(*store_, "a", "bad", absl::Seconds(100)), IsOk());

  EXPECT_EQ(redis_->Command({"KEYS", "*"}), "rnnserve:quarantine/a\n");
  EXPECT_EQ(redis_->Command({"HGET", "rnnserve:quarantine/a", "b"}), "bad");
  EXPECT_GT(MillisecondsToLive("quarantine/a"), 50'000);
  EXPECT_LE(MillisecondsToLive("quarantine/a"), 100'000);
}

TEST_F(RedisScriptsTest, RefusedWritesAndReadsLeaveTheTimeToLive) {
  EXPECT_THAT(Write(*store_, "a", {5, 7, 1}, "bytes", absl::Seconds(100)), IsOk());

  EXPECT_FALSE(Write(*store_, "a", {4, 7, 1}, "bytes", absl::Seconds(1000)).ok());
  EXPECT_THAT(Read(*store_, "a"), IsOk());

  EXPECT_LE(MillisecondsToLive("a"), 100'000);
}

// Tests values that another program, or an accident, may leave under a session's key.
class RedisForeignKeyTest : public RedisScriptsTest,
                            public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(RedisForeignKeyTest, IsReportedAndLeftAlone) {
  redis_->Command(GetParam());
  const std::string before = redis_->Command({"DUMP", "rnnserve:a"});
  const auto is_bad = StatusIs(absl::StatusCode::kDataLoss, _, "SNAPSHOT_BAD");

  EXPECT_THAT(Write(*store_, "a", {9, 9, 9}), is_bad);
  EXPECT_THAT(Claim(*store_, "a", 9), is_bad);
  EXPECT_THAT(Read(*store_, "a"), is_bad);
  EXPECT_THAT(Remove(*store_, "a", {9, 9, 9}), is_bad);
  EXPECT_THAT(Quarantine(*store_, "a", "bytes alone"), is_bad);

  EXPECT_EQ(redis_->Command({"DUMP", "rnnserve:a"}), before);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, RedisForeignKeyTest,
    ::testing::Values(std::vector<std::string>{"SET", "rnnserve:a", "text"},
                      std::vector<std::string>{"HSET", "rnnserve:a", "b", "bytes alone"},
                      std::vector<std::string>{"HSET", "rnnserve:a", "e", "1", "n", "1", "v", "1",
                                               "b", "short numbers"},
                      std::vector<std::string>{"HSET", "rnnserve:a", "e", "00000000000000000001",
                                               "n", "00000000000000000001", "v",
                                               "00000000000000000001"}));

}  // namespace
}  // namespace rnnserve::testing
