// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which servers may keep snapshots, according to their INFO reports. These are servers that a
// test cannot start.

#include "server/redis/redis_greeting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using server::CheckRedisServer;
using ::testing::HasSubstr;

constexpr char kGood[] =
    "# Server\r\nredis_version:5.0.14\r\n\r\n# Memory\r\nmaxmemory:0\r\n"
    "maxmemory_policy:noeviction\r\n# Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\n";

std::string GoodBut(const std::string& before, const std::string& after) {
  return absl::StrReplaceAll(kGood, {{before, after}});
}

TEST(RedisGreetingTest, AcceptsAMasterOfVersion5ThatDoesNotEvict) {
  EXPECT_THAT(CheckRedisServer(kGood), IsOk());
  EXPECT_THAT(CheckRedisServer(GoodBut("5.0.14", "10.2")), IsOk());
}

TEST(RedisGreetingTest, RefusesOldAndUnknownVersions) {
  EXPECT_THAT(CheckRedisServer(GoodBut("5.0.14", "4.9.9")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("4.9.9"), "STORE_VERSION"));
  EXPECT_THAT(CheckRedisServer(""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("5"), "STORE_VERSION"));
}

TEST(RedisGreetingTest, RefusesAPolicyThatEvictsOrIsUnknown) {
  EXPECT_THAT(
      CheckRedisServer(GoodBut("noeviction", "volatile-ttl")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'volatile-ttl'"), "STORE_EVICTS"));
  EXPECT_THAT(CheckRedisServer(GoodBut("maxmemory_policy", "other")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("''"), "STORE_EVICTS"));
}

TEST(RedisGreetingTest, RefusesAReplica) {
  EXPECT_THAT(
      CheckRedisServer(GoodBut("master", "slave")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'slave'"), "STORE_REPLICA"));
}

TEST(RedisGreetingTest, TreatsAServerThatLoadsItsDataAsDown) {
  EXPECT_THAT(CheckRedisServer(GoodBut("loading:0", "loading:1")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("loading"), "STORE_DOWN"));
}

}  // namespace
}  // namespace rnnserve::testing
