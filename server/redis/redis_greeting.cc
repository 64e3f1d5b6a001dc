// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_greeting.h"

#include <cassert>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"

namespace rnnserve::server {
namespace {

// The first version that has all the features we use: EVALSHA, HSET of many fields, and script
// replication.
constexpr int kVersionMin = 5;

// Returns the value of a line "name:value" of INFO, or "".
std::string ValueIn(absl::string_view report, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(report, absl::ByAnyChar("\r\n"))) {
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, ":")) {
      return std::string(line);
    }
  }
  return "";
}

bool IsAboutLogin(const redisReply& reply) {
  const std::string word = RedisErrorWord(reply);
  return word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM";
}

absl::Status LoginError() {
  return FailedPrecondition("STORE_LOGIN",
                            "the store does not accept the user and password, or does not grant "
                            "them the needed permissions");
}

}  // namespace

RedisGreeting::RedisGreeting(const RedisAddress& address, RedisConnection& connection) {
  if (!address.password.empty() && address.user.empty()) {
    connection.Append({"AUTH", address.password});
    expected_.push_back(Question::kLogin);
  } else if (!address.password.empty()) {
    connection.Append({"AUTH", address.user, address.password});
    expected_.push_back(Question::kLogin);
  }
  if (address.database != 0) {
    connection.Append({"SELECT", absl::StrCat(address.database)});
    expected_.push_back(Question::kDatabase);
  }
  connection.Append({"INFO"});
  expected_.push_back(Question::kServer);
  for (size_t i = 0; i < kNumRedisScripts; ++i) {
    connection.Append({"SCRIPT", "LOAD", RedisScriptText(static_cast<RedisScript>(i))});
    expected_.push_back(Question::kScript);
  }
}

absl::Status RedisGreeting::Take(const redisReply& reply) {
  assert(!is_done());
  const Question question = expected_[num_taken_++];
  const std::string word = RedisErrorWord(reply);
  if (IsAboutLogin(reply) || (question == Question::kLogin && word == "ERR")) return LoginError();
  if (question == Question::kDatabase && word == "ERR") {
    return FailedPrecondition("STORE_DATABASE", "the store has no database with that number");
  }
  if (!word.empty()) return RedisReplyError(reply);
  if (question == Question::kServer) {
    run_id_ = ValueIn(RedisText(reply), "run_id");
    return CheckRedisServer(RedisText(reply));
  }
  if (question == Question::kScript) digests_[num_scripts_++] = std::string(RedisText(reply));
  return absl::OkStatus();
}

absl::Status CheckRedisServer(absl::string_view report) {
  // A server that is still loading its data answers INFO and little else.
  if (ValueIn(report, "loading") == "1") return StoreDown("the store is loading its data");
  const std::string version = ValueIn(report, "redis_version");
  int major = 0;
  if (!absl::SimpleAtoi(version.substr(0, version.find('.')), &major) || major < kVersionMin) {
    return FailedPrecondition("STORE_VERSION",
                              absl::StrCat("the store is Redis ", version,
                                           "; it must be at least version ", kVersionMin));
  }
  const std::string policy = ValueIn(report, "maxmemory_policy");
  if (policy != "noeviction") {
    return FailedPrecondition(
        "STORE_EVICTS", absl::StrCat("the store's maxmemory_policy is '", policy,
                                     "', which would evict sessions; it must be 'noeviction'"));
  }
  const std::string role = ValueIn(report, "role");
  if (role != "master") {
    return FailedPrecondition("STORE_REPLICA",
                              absl::StrCat("the store's role is '", role, "', not 'master'"));
  }
  return absl::OkStatus();
}

}  // namespace rnnserve::server
