// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the checks that RedisSnapshotStore makes when it starts. Each server here is a real one
// that is unfit in one way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "tests/server/redis/store_calls.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using server::RedisSnapshotStore;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<RedisProcess> StartRedis(const std::vector<std::string>& arguments) {
  auto redis = RedisProcess::Start(arguments);
  EXPECT_THAT(redis, IsOk());
  return redis.ok() ? *std::move(redis) : nullptr;
}

TEST(RedisStartTest, RefusesAServerThatEvicts) {
  const auto redis = StartRedis({"--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"});
  ASSERT_NE(redis, nullptr);

  EXPECT_THAT(OpenStore(*redis), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("'allkeys-lru'"), "STORE_EVICTS"));
}

TEST(RedisStartTest, RefusesAReplica) {
  const auto redis = StartRedis({"--replicaof", "127.0.0.1 1"});
  ASSERT_NE(redis, nullptr);

  EXPECT_THAT(OpenStore(*redis), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("'slave'"), "STORE_REPLICA"));
}

TEST(RedisStartTest, RefusesAMissingDatabase) {
  const auto redis = StartRedis({});
  ASSERT_NE(redis, nullptr);
  RedisSnapshotStore::Options options;
  options.client.address.database = 99;

  EXPECT_THAT(OpenStore(*redis, options), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr("no database"), "STORE_DATABASE"));
}

TEST(RedisStartTest, UsesTheDatabaseAndThePrefix) {
  const auto redis = StartRedis({});
  ASSERT_NE(redis, nullptr);
  RedisSnapshotStore::Options options;
  options.client.address.database = 3;
  options.key_prefix = "mine:";
  auto store = OpenStore(*redis, options);
  ASSERT_THAT(store, IsOk());

  EXPECT_THAT(Write(**store, "a", kOwner), IsOk());

  EXPECT_THAT(redis->Command({"INFO", "keyspace"}), HasSubstr("db3:keys=1"));
  EXPECT_EQ(redis->Command({"EXISTS", "mine:a"}), "0");
}

struct Login {
  std::string name;
  std::string user;
  std::string password;
  bool is_accepted;
};

class RedisLoginTest : public ::testing::TestWithParam<Login> {};

TEST_P(RedisLoginTest, OnlyTheRightLoginIsAccepted) {
  const auto redis =
      StartRedis({"--requirepass", "right", "--user", "me", "on", ">mine", "~*", "+@all"});
  ASSERT_NE(redis, nullptr);
  RedisSnapshotStore::Options options;
  options.client.address.user = GetParam().user;
  options.client.address.password = GetParam().password;

  const auto store = OpenStore(*redis, options);

  if (GetParam().is_accepted) {
    EXPECT_THAT(store, IsOk());
  } else {
    EXPECT_THAT(store, StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("user and password"), Not(HasSubstr("secret"))),
                                "STORE_LOGIN"));
  }
}

INSTANTIATE_TEST_SUITE_P(Logins, RedisLoginTest,
                         ::testing::Values(Login{"None", "", "", false},
                                           Login{"Right", "", "right", true},
                                           Login{"Wrong", "", "secret-wrong", false},
                                           Login{"RightUser", "me", "mine", true},
                                           Login{"WrongUser", "secret-you", "mine", false}),
                         [](const ::testing::TestParamInfo<Login>& login) {
                           return login.param.name;
                         });

TEST(RedisStartTest, ReportsMissingPermissions) {
  const auto redis = StartRedis({"--user", "me", "on", ">mine", "~*", "+info"});
  ASSERT_NE(redis, nullptr);
  RedisSnapshotStore::Options options;
  options.client.address.user = "me";
  options.client.address.password = "mine";

  EXPECT_THAT(OpenStore(*redis, options), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr("permissions"), "STORE_LOGIN"));
}

TEST(RedisStartTest, ReportsWhyNoServerAnswers) {
  const TemporaryFolder folder;
  RedisSnapshotStore::Options options;
  options.start_timeout = absl::Milliseconds(100);
  options.client.address.unix_path = folder.path() / "nobody";
  const MonotonicClock clock;

  EXPECT_THAT(RedisSnapshotStore::Create(clock, options),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("No such file"), "STORE_DOWN"));
}

TEST(RedisStartTest, WaitsForAServerThatStartsLate) {
  const auto redis = StartRedis({});
  ASSERT_NE(redis, nullptr);
  redis->Kill();
  // The Redis process belongs to the thread that starts it, so the store is opened from another
  // thread.
  std::thread early([&redis] { EXPECT_THAT(OpenStore(*redis), IsOk()); });

  EXPECT_THAT(redis->Restart(), IsOk());

  early.join();
}

}  // namespace
}  // namespace rnnserve::testing
