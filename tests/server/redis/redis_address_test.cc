// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests which Redis URLs are accepted, and that refused ones do not have their secret repeated in
// the error text.

#include "server/redis/redis_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using server::ParseRedisUrl;
using server::RedisAddress;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisAddressTest, ReadsHostAndPort) {
  const RedisAddress address = *ParseRedisUrl("redis://store.example-1.com:6379");

  EXPECT_EQ(address.host, "store.example-1.com");
  EXPECT_EQ(address.port, 6379);
  EXPECT_EQ(address.database, 0);
  EXPECT_EQ(address.password, "");
  EXPECT_EQ(address.place(), "store.example-1.com:6379");
}

TEST(RedisAddressTest, ReadsCredentialsAndDatabase) {
  const RedisAddress address = *ParseRedisUrl("redis://me:s%40c%2fr:et@h:1/12");

  EXPECT_EQ(address.user, "me");
  EXPECT_EQ(address.password, "s@c/r:et");
  EXPECT_EQ(address.database, 12);
  EXPECT_EQ(address.place(), "h:1");
}

TEST(RedisAddressTest, TheUserMayBeEmpty) {
  const RedisAddress address = *ParseRedisUrl("redis://:secret@h:1");

  EXPECT_EQ(address.user, "");
  EXPECT_EQ(address.password, "secret");
}

TEST(RedisAddressTest, ReadsBracketedAddresses) {
  EXPECT_EQ(ParseRedisUrl("redis://[::1]:6379")->host, "::1");
}

TEST(RedisAddressTest, ReadsThePathOfASocket) {
  const RedisAddress address = *ParseRedisUrl("unix:///run/redis.sock");

  EXPECT_EQ(address.unix_path, "/run/redis.sock");
  EXPECT_EQ(address.place(), "unix socket");
}

struct BadUrl {
  std::string name;
  std::string url;
  std::string text;
};

class RedisAddressRefusalTest : public ::testing::TestWithParam<BadUrl> {};

TEST_P(RedisAddressRefusalTest, GivesTheReasonAndKeepsTheSecret) {
  EXPECT_THAT(ParseRedisUrl(GetParam().url),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(GetParam().text), Not(HasSubstr("secret"))), "REDIS_URL"));
}

INSTANTIATE_TEST_SUITE_P(
    Urls, RedisAddressRefusalTest,
    ::testing::Values(BadUrl{"Tls", "rediss://u:secret@h:1", "TLS"},
                      BadUrl{"Scheme", "http://secret:1", "begins with neither"},
                      BadUrl{"Empty", "", "begins with neither"},
                      BadUrl{"NoHost", "redis://:1", "names no host"},
                      BadUrl{"SpaceInHost", "redis://a secret:1", "names no host"},
                      BadUrl{"NoPort", "redis://secret", "has no port"},
                      BadUrl{"PortZero", "redis://secret:0", "1 to 65535"},
                      BadUrl{"PortTooLarge", "redis://secret:65536", "1 to 65535"},
                      BadUrl{"PortWithSign", "redis://secret:+1", "1 to 65535"},
                      BadUrl{"Database", "redis://secret:1/x", "database"},
                      BadUrl{"EmptyDatabase", "redis://secret:1/", "database"},
                      BadUrl{"Query", "redis://secret:1/1?a=b", "database"},
                      BadUrl{"NoColon", "redis://secret@h:1", "no ':'"},
                      BadUrl{"EmptyPassword", "redis://secret:@h:1", "empty password"},
                      BadUrl{"Escape", "redis://u:secret%4@h:1", "'%'"},
                      BadUrl{"Bracket", "redis://[::1:1", "'['"},
                      BadUrl{"ZeroByte", std::string("redis://secret\0:1", 17), "zero byte"},
                      BadUrl{"RelativePath", "unix://secret", "absolute path"},
                      BadUrl{"LongPath", "unix:///" + std::string(107, 'x'), "107"}),
    [](const ::testing::TestParamInfo<BadUrl>& bad) { return bad.param.name; });

}  // namespace
}  // namespace rnnserve::testing
