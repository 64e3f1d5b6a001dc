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

// What Redis answered to one command. Thread-compatible.
using RedisReply = std::unique_ptr<redisReply, RedisReplyDeleter>;

// The bytes of a string or status reply; empty for every other kind.
absl::string_view RedisText(const redisReply& reply);

// The word that Redis begins an error with, for example "OOM"; of an error inside a script, the
// word of the command that failed. Empty if the reply is no error.
std::string RedisErrorWord(const redisReply& reply);

// OK if the reply is no error. Otherwise, by its word: RESOURCE_EXHAUSTED (STORE_FULL) for OOM;
// DATA_LOSS (SNAPSHOT_BAD) for WRONGTYPE; UNAVAILABLE (STORE_DOWN) for all others, among them
// LOADING, READONLY, CLUSTERDOWN and MISCONF. The text holds the word alone: the rest of what Redis
// says may repeat keys and arguments.
absl::Status RedisReplyError(const redisReply& reply);

// UNAVAILABLE (STORE_DOWN) with that text.
absl::Status StoreDown(absl::string_view message);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_REPLY_H_
