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

// A snapshot store in a Redis server, version 5 or later: one master, no cluster. Each session is
// one hash, whose key is the prefix and the id. Scripts check the fence and write in one atomic
// step.
//
// A change is reported as OK when Redis has it in memory. Whether it lasts from then on depends on
// Redis: with the append-only file it survives a restart; a replica that takes over may lack the
// last changes. In Redis each session takes the size of its snapshot plus about 200 bytes. Redis
// must not evict; this is checked on every new connection.
//
// When Redis stops answering, callbacks get UNAVAILABLE (STORE_DOWN) within a second. From then on
// they get it at once, until Redis is back, which is noticed within about two seconds. See
// RedisClient.
//
// Owns one thread and one connection. Thread-safe. The clock must outlive it.
class RedisSnapshotStore final : public SnapshotStore {
 public:
  struct Options {
    // Prepended to each session's id. Servers that share sessions must have the same prefix.
    std::string key_prefix = "rnnserve:";
    // How long the first connection may take before Create fails.
    absl::Duration start_timeout = absl::Seconds(5);
    RedisClient::Options client;
  };

  // Connects to the server and checks it. Blocks until that is done. Errors: FAILED_PRECONDITION
  // (STORE_LOGIN, STORE_DATABASE, STORE_VERSION, STORE_EVICTS, STORE_REPLICA; see RedisGreeting);
  // UNAVAILABLE (STORE_DOWN) if no server could be greeted within start_timeout.
  static absl::StatusOr<std::unique_ptr<RedisSnapshotStore>> Create(const Clock& clock,
                                                                    Options options);

  void Write(SnapshotWrite write, WriteCallback callback) override;
  void Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
             ReadCallback callback) override;
  void Read(std::string session_id, ReadCallback callback) override;
  void Remove(std::string session_id, SnapshotFence fence, WriteCallback callback) override;
  // Moves the snapshot to a key made of the prefix, "quarantine/" and the id. No session can have
  // this key, because no session id contains a slash.
  void Quarantine(std::string session_id, std::string bytes, absl::Duration time_to_live,
                  WriteCallback callback) override;

  uint64_t generation() const override { return client_.num_servers(); }

  // Returns OK while the store can be used, else the reason why not, without addresses or secrets.
  absl::Status health() const { return client_.health(); }

 private:
  RedisSnapshotStore(const Clock& clock, Options options);

  const std::string key_prefix_;
  RedisClient client_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_SNAPSHOT_STORE_H_
