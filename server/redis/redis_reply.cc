// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_reply.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve::server {
namespace {

// Memory becomes free when sessions end or expire, which takes a while.
constexpr absl::Duration kFullRetryDelay = absl::Seconds(1);

bool IsWord(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isupper);
}

absl::string_view FirstWord(absl::string_view text) { return text.substr(0, text.find(' ')); }

}  // namespace

absl::string_view RedisText(const redisReply& reply) {
  const bool has_text = reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS;
  return has_text ? absl::string_view(reply.str, reply.len) : absl::string_view();
}

std::string RedisErrorWord(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ERROR) return "";
  const absl::string_view text(reply.str, reply.len);
  const absl::string_view first = FirstWord(text);
  // Redis 5 and 6 wrap the word: "ERR Error running script (call to f_...): @user_script:1: -OOM
  // ...".
  const size_t inner = text.find(": -");
  if (first == "ERR" && inner != absl::string_view::npos) {
    const absl::string_view word = FirstWord(text.substr(inner + 3));
    if (IsWord(word)) return std::string(word);
  }
  return IsWord(first) ? std::string(first) : "ERR";
}

absl::Status RedisReplyError(const redisReply& reply) {
  const std::string word = RedisErrorWord(reply);
  if (word.empty()) return absl::OkStatus();
  if (word == "OOM") {
    return ResourceExhausted("STORE_FULL", "the store has no memory left", kFullRetryDelay);
  }
  if (word == "WRONGTYPE") {
    return MakeError(absl::StatusCode::kDataLoss, "SNAPSHOT_BAD",
                     "the value under the session's key is not a snapshot");
  }
  return StoreDown(absl::StrCat("the store answers ", word));
}

absl::Status StoreDown(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", message);
}

}  // namespace rnnserve::server
