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

// Checks whether a server may keep snapshots. `report` is its answer to INFO. Errors:
// FAILED_PRECONDITION: STORE_VERSION (older than 5), STORE_EVICTS (the maxmemory_policy is not
// noeviction; the text names it), STORE_REPLICA (it is not a master); UNAVAILABLE (STORE_DOWN): it
// is still loading its data.
absl::Status CheckRedisServer(absl::string_view report);

// The exchange on a new connection before its first use, in one round trip. It logs in, selects the
// database, asks for the server's INFO and loads the scripts, and checks from the answers that the
// server may keep snapshots. Used by one thread at a time: the connection's.
class RedisGreeting {
 public:
  // The SHA-1 of each script, as the server has computed it.
  using Digests = std::array<std::string, kNumRedisScripts>;

  // Appends the commands.
  RedisGreeting(const RedisAddress& address, RedisConnection& connection);

  // Processes the next answer. Errors: any error of CheckRedisServer; FAILED_PRECONDITION:
  // STORE_LOGIN (wrong user or password, or too few permissions), STORE_DATABASE; the errors of
  // RedisReplyError for every other refusal. REQUIRES: not is_done().
  absl::Status Take(const redisReply& reply);

  bool is_done() const { return num_taken_ == expected_.size(); }
  const Digests& digests() const { return digests_; }
  // Identifies the server process: a restarted server has a new id.
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
