// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_
#define RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/redis/redis_address.h"
#include "server/redis/redis_connection.h"
#include "server/redis/redis_reply.h"
#include "server/redis/redis_scripts.h"

namespace rnnserve::server {

// Whether a server with that report, which is Redis' answer to INFO, may keep snapshots. Errors:
// FAILED_PRECONDITION: STORE_VERSION (older than 5), STORE_EVICTS (its maxmemory_policy is not
// noeviction, with the policy), STORE_REPLICA (it is not a master); UNAVAILABLE (STORE_DOWN): it is
// loading its data.
absl::Status CheckRedisServer(absl::string_view report);

// What is said on a new connection before it is used: who we are, which database, what the server
// is, and our scripts, in one round trip; and whether the answers are those of a server that may
// keep snapshots. Used by one thread at a time: that of the connection.
class RedisGreeting {
 public:
  // The SHA-1 of each script, as the server told it.
  using Digests = std::array<std::string, kNumRedisScripts>;

  // Appends the commands.
  RedisGreeting(const RedisAddress& address, RedisConnection& connection);

  // Takes the next answer. Errors: those of CheckRedisServer; FAILED_PRECONDITION: STORE_LOGIN
  // (user or password, or what they allow), STORE_DATABASE; UNAVAILABLE (STORE_DOWN) for every
  // other refusal. REQUIRES: not is_done().
  absl::Status Take(const redisReply& reply);

  bool is_done() const { return num_taken_ == expected_.size(); }
  const Digests& digests() const { return digests_; }
  // Another one for each start of a server.
  const std::string& run_id() const { return run_id_; }

 private:
  enum class Question { kLogin, kDatabase, kServer, kScript };

  std::vector<Question> expected_;
  size_t num_taken_ = 0;
  size_t num_scripts_ = 0;
  Digests digests_;
  std::string run_id_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_GREETING_H_
