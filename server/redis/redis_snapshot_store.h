// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_SNAPSHOT_STORE_H_
#define RNNSERVE_SERVER_REDIS_REDIS_SNAPSHOT_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/snapshot/snapshot_store.h"
#include "server/redis/redis_client.h"

namespace rnnserve::server {

// Snapshots in a Redis server, version 5 or later: one master, no cluster. Each session is one hash
// under the prefix and its id, written by scripts that check the fence and write as one.
//
// A change is told OK when Redis has it in memory. What Redis does with it then is Redis' own: with
// the append-only file it survives a restart, and a replica that takes over may lack the last ones.
// Memory: each session takes its snapshot and some 200 bytes in Redis. It must not evict, which is
// checked whenever a connection is made.
//
// When Redis does not answer, callbacks get UNAVAILABLE (STORE_DOWN) within a second, and at once
// from then on until it is back, which is noticed within about two. See RedisClient.
//
// Owns one thread and one connection. Thread-safe. The clock must outlive it.
class RedisSnapshotStore final : public SnapshotStore {
 public:
  struct Options {
    // Before each session's id. Servers that share sessions have the same.
    std::string key_prefix = "rnnserve:";
    // How long the first connection may take before Create fails.
    absl::Duration start_timeout = absl::Seconds(5);
    RedisClient::Options client;
  };

  // Connects and checks the server; blocks meanwhile. Errors: FAILED_PRECONDITION (STORE_LOGIN,
  // STORE_DATABASE, STORE_VERSION, STORE_EVICTS, STORE_REPLICA) as RedisGreeting has them;
  // UNAVAILABLE (STORE_DOWN) if there is none within start_timeout.
  static absl::StatusOr<std::unique_ptr<RedisSnapshotStore>> Create(const Clock& clock,
                                                                    Options options);

  void Write(SnapshotWrite write, WriteCallback callback) override;
  void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
             ReadCallback callback) override;
  void Read(std::string session_id, ReadCallback callback) override;
  void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) override;
  // The key is the prefix, "quarantine/" and the id, which is no session's: no id has a slash.
  void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                  WriteCallback callback) override;

  uint64_t generation() const override { return client_.num_servers(); }

  // OK while the store can be used; otherwise why not, without addresses and secrets.
  absl::Status health() const { return client_.health(); }

 private:
  RedisSnapshotStore(const Clock& clock, Options options);

  const std::string key_prefix_;
  RedisClient client_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_SNAPSHOT_STORE_H_
