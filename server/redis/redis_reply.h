// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_REPLY_H_
#define RNNSERVE_SERVER_REDIS_REDIS_REPLY_H_

#include <hiredis/hiredis.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rnnserve::server {

struct RedisReplyDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

// Redis' answer to one command. Thread-compatible.
using RedisReply = std::unique_ptr<redisReply, RedisReplyDeleter>;

// Returns the bytes of a string or status reply, and nothing for every other kind.
absl::string_view RedisText(const redisReply& reply);

// Returns the word that begins an error of Redis, for example "OOM". For an error inside a script,
// returns the word of the command that failed. Empty if the reply is not an error.
std::string RedisErrorWord(const redisReply& reply);

// Returns OK if the reply is not an error, else an error by its word: RESOURCE_EXHAUSTED
// (STORE_FULL) for OOM; DATA_LOSS (SNAPSHOT_BAD) for WRONGTYPE; UNAVAILABLE (STORE_DOWN) for all
// others, including LOADING, READONLY, CLUSTERDOWN and MISCONF. The text contains only the word,
// because the rest of Redis' text may repeat keys and arguments.
absl::Status RedisReplyError(const redisReply& reply);

// Returns UNAVAILABLE (STORE_DOWN) with the text `message`.
absl::Status StoreDown(absl::string_view message);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_REPLY_H_
