// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SERVER_REDIS_STORE_CALLS_H_
#define RNNSERVE_TESTS_SERVER_REDIS_STORE_CALLS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/snapshot/snapshot_store.h"
#include "server/redis/redis_snapshot_store.h"
#include "tests/support/redis_process.h"

// Functions that call a SnapshotStore in tests. Each one waits for the callback.
namespace rnnserve::testing {

// The writer's fence in tests that are not about fences.
inline constexpr SnapshotFence kOwner = {.epoch = 1, .nonce = 7, .version = 1};

// The callback outlives a wait that times out, so the callback and the wait share the result.
template <typename Result>
class Answer {
 public:
  auto callback() const {
    return [state = state_](Result result) {
      state->result = std::move(result);
      state->arrived.Notify();
    };
  }
  // Returns DEADLINE_EXCEEDED if no answer comes, which is a defect of the store.
  Result Wait() const {
    if (!state_->arrived.WaitForNotificationWithTimeout(absl::Seconds(60))) {
      return absl::DeadlineExceededError("no callback ran");
    }
    return state_->result;
  }

 private:
  struct State {
    Result result = absl::UnknownError("no answer yet");
    absl::Notification arrived;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

inline absl::Status Write(SnapshotStore& store, const std::string& id, const SnapshotFence& fence,
                          const std::string& bytes = "bytes",
                          absl::Duration time_to_live = absl::Hours(1)) {
  Answer<absl::Status> answer;
  store.Write({id, fence, bytes, time_to_live}, answer.callback());
  return answer.Wait();
}

inline absl::StatusOr<StoredSnapshot> Claim(SnapshotStore& store, const std::string& id,
                                            uint64_t nonce,
                                            absl::Duration time_to_live = absl::Hours(1)) {
  Answer<absl::StatusOr<StoredSnapshot>> answer;
  store.Claim(id, nonce, time_to_live, answer.callback());
  return answer.Wait();
}

inline absl::StatusOr<StoredSnapshot> Read(SnapshotStore& store, const std::string& id) {
  Answer<absl::StatusOr<StoredSnapshot>> answer;
  store.Read(id, answer.callback());
  return answer.Wait();
}

inline absl::Status Remove(SnapshotStore& store, const std::string& id,
                           const SnapshotFence& fence) {
  Answer<absl::Status> answer;
  store.Remove(id, fence, answer.callback());
  return answer.Wait();
}

inline absl::Status Quarantine(SnapshotStore& store, const std::string& id,
                               const std::string& bytes,
                               absl::Duration time_to_live = absl::Hours(1)) {
  Answer<absl::Status> answer;
  store.Quarantine(id, bytes, time_to_live, answer.callback());
  return answer.Wait();
}

// Opens a store on a server, with default options unless `options` says otherwise.
inline absl::StatusOr<std::unique_ptr<server::RedisSnapshotStore>> OpenStore(
    const RedisProcess& redis, server::RedisSnapshotStore::Options options = {}) {
  static const MonotonicClock clock;
  absl::StatusOr<server::RedisAddress> address = server::ParseRedisUrl(redis.url());
  if (!address.ok()) return address.status();
  address->user = options.client.address.user;
  address->password = options.client.address.password;
  address->database = options.client.address.database;
  options.client.address = *std::move(address);
  return server::RedisSnapshotStore::Create(clock, std::move(options));
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SERVER_REDIS_STORE_CALLS_H_
