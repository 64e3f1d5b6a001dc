// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_
#define RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/redis/redis_address.h"
#include "server/redis/redis_connection.h"
#include "server/redis/redis_reply.h"
#include "server/redis/redis_scripts.h"

namespace rnnserve::server {

// What is said on a new connection before it is used: who we are, which database, what the server
// is, and our scripts, in one round trip; and whether the answers are those of a server that may
// keep snapshots. Used by one thread at a time: that of the connection.
class RedisGreeting {
 public:
  // The SHA-1 of each script, as the server told it.
  using Digests = std::array<std::string, kNumRedisScripts>;

  // Appends the commands.
  RedisGreeting(const RedisAddress& address, RedisConnection& connection);

  // Takes the next answer. Errors: FAILED_PRECONDITION if the server will not do whatever the time:
  // STORE_LOGIN (user or password, or what they allow), STORE_DATABASE, STORE_VERSION (older than
  // 5), STORE_EVICTS (its maxmemory_policy is not noeviction, with the policy), STORE_REPLICA (it
  // is not a master); UNAVAILABLE (STORE_DOWN) for every other refusal. REQUIRES: not is_done().
  absl::Status Take(const redisReply& reply);

  bool is_done() const { return num_taken_ == expected_.size(); }
  const Digests& digests() const { return digests_; }

 private:
  enum class Question { kLogin, kDatabase, kServer, kScript };

  absl::Status TakeServer(const redisReply& reply) const;
  absl::Status TakeScript(const redisReply& reply);

  std::vector<Question> expected_;
  size_t num_taken_ = 0;
  size_t num_scripts_ = 0;
  Digests digests_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_
