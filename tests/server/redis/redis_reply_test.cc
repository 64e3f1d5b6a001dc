// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests how Redis' errors are interpreted, in the wording of its different versions.

#include "server/redis/redis_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct ErrorCase {
  std::string name;
  std::string text;
  std::string word;
  std::string reason;
};

class RedisReplyErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(RedisReplyErrorTest, HasAWordAndAReason) {
  std::string text = GetParam().text;
  redisReply reply = {};
  reply.type = REDIS_REPLY_ERROR;
  reply.str = text.data();
  reply.len = text.size();

  EXPECT_EQ(server::RedisErrorWord(reply), GetParam().word);
  EXPECT_EQ(ErrorReason(server::RedisReplyError(reply)), GetParam().reason);
  EXPECT_THAT(std::string(server::RedisReplyError(reply).message()), Not(HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(
    Words, RedisReplyErrorTest,
    ::testing::Values(
        ErrorCase{"Oom", "OOM command not allowed when used memory > 'maxmemory'.", "OOM",
                  "STORE_FULL"},
        ErrorCase{"OomInAScriptOfRedis5",
                  "ERR Error running script (call to f_01): @user_script:9: @user_script: 9: -OOM "
                  "command not allowed when used memory > 'maxmemory'.",
                  "OOM", "STORE_FULL"},
        ErrorCase{"ReadOnly", "READONLY You can't write against a read only replica.", "READONLY",
                  "STORE_DOWN"},
        ErrorCase{"Loading", "LOADING Redis is loading the dataset in memory", "LOADING",
                  "STORE_DOWN"},
        ErrorCase{"ClusterDown", "CLUSTERDOWN The cluster is down", "CLUSTERDOWN", "STORE_DOWN"},
        ErrorCase{"WrongType", "WRONGTYPE Operation against a key", "WRONGTYPE", "SNAPSHOT_BAD"},
        ErrorCase{"WithArguments", "ERR unknown command 'x', with args beginning with: 'secret'",
                  "ERR", "STORE_DOWN"},
        ErrorCase{"Nonsense", "secret", "ERR", "STORE_DOWN"},
        ErrorCase{"Nothing", "", "ERR", "STORE_DOWN"}),
    [](const ::testing::TestParamInfo<ErrorCase>& error) { return error.param.name; });

TEST(RedisReplyTest, OtherRepliesAreNotErrors) {
  std::string text = "OOM";
  redisReply reply = {};
  reply.type = REDIS_REPLY_STATUS;
  reply.str = text.data();
  reply.len = text.size();

  EXPECT_EQ(server::RedisErrorWord(reply), "");
  EXPECT_THAT(server::RedisReplyError(reply), IsOk());
  EXPECT_EQ(server::RedisText(reply), "OOM");
}

}  // namespace
}  // namespace rnnserve::testing
