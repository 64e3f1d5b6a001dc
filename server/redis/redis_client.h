// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_CLIENT_H_
#define RNNSERVE_SERVER_REDIS_REDIS_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "server/redis/circuit_breaker.h"
#include "server/redis/redis_address.h"
#include "server/redis/redis_connection.h"
#include "server/redis/redis_greeting.h"
#include "server/redis/redis_reply.h"
#include "server/redis/redis_scripts.h"

namespace rnnserve::server {

// A Redis server, as long as it is there and whenever it is back: one thread and one connection,
// through which the commands of all callers go as one pipeline.
//
// A command waits for its answer at most `breaker.max_silence` beyond the last byte that came; then
// all that are under way fail, and until a new connection has been greeted every further one fails
// at once. A command that was sent is never sent again, but for a script that the server did not
// know. The connection is made anew by itself, in the pauses of the breaker.
//
// Owns the thread and the connection. Thread-safe; no call blocks. Callbacks run once each, on the
// thread, under no lock. The destructor answers what is under way with CANCELLED (STORE_CLOSED).
class RedisClient {
 public:
  struct Options {
    RedisAddress address;
    // Its silence bounds an answer as well as the time to connect and be greeted.
    CircuitBreaker::Options breaker;
    // Bytes of all commands without an answer; one beyond it is refused.
    int64_t max_waiting_bytes = int64_t{256} << 20;
    // Bytes of those that were sent. Enough for a fast network; more only makes copies.
    int64_t max_pipeline_bytes = int64_t{4} << 20;
  };

  using ReplyCallback = absl::AnyInvocable<void(absl::StatusOr<RedisReply>)>;

  struct Command {
    // None: `words` are a command. Otherwise they are the key and the arguments of the script.
    std::optional<RedisScript> script;
    std::vector<std::string> words;
    // Gets a reply that is no error; or UNAVAILABLE (STORE_DOWN), RESOURCE_EXHAUSTED
    // (STORE_QUEUE_LIMIT), CANCELLED (STORE_CLOSED) or an error of RedisReplyError.
    ReplyCallback callback;
  };

  // The clock must outlive it.
  RedisClient(const Clock& clock, Options options);
  // REQUIRES: not on the client's thread.
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  void Call(Command command);

  // Blocks until the server has been greeted for the first time. Errors: those of RedisGreeting
  // that time does not heal, at once; UNAVAILABLE (STORE_DOWN) after `timeout`, with the last
  // cause.
  absl::Status AwaitGreeting(absl::Duration timeout) const;

  // OK while the server can be used; otherwise why not.
  absl::Status health() const;

  // The servers that were spoken to, one after another: one that was started again counts once
  // more.
  uint64_t num_servers() const { return num_servers_.load(std::memory_order_relaxed); }

 private:
  struct Pending {
    Command command;
    int64_t bytes = 0;
    bool is_refused = false;
    bool needs_text = false;  // the server does not know the script by its digest
  };

  void Run();
  // Moves what callers brought into queue_; false when the destructor asks for the end.
  bool TakeInbox();
  bool IsInboxEmpty() const;
  // Does what the time asks for: gives up, connects, fails, sends.
  void Progress(absl::Time now);
  void WaitForEvents(absl::Time now);
  void Wake();

  void Connect(absl::Time now);
  void FillPipeline(absl::Time now);
  void Send(Pending pending, absl::Time now);
  void HandleSocket(short events);
  void HandleReply(RedisReply reply);
  void HandleGreeting(const redisReply& reply);

  // The connection is of no more use: what was sent fails, and if the breaker opens, the rest too.
  void Lose(const absl::Status& cause, absl::Time now);
  void FailAll(std::deque<Pending>& pending, const absl::Status& status);
  void Finish(Pending pending, absl::StatusOr<RedisReply> outcome);
  void SetHealth(const absl::Status& health);

  // Constant after construction.
  const Clock& clock_;
  const Options options_;
  const int wake_fd_;

  // Synchronises itself.
  std::atomic<int64_t> waiting_bytes_{0};
  std::atomic<uint64_t> num_servers_{0};

  // Used by the thread alone.
  CircuitBreaker breaker_;
  std::unique_ptr<RedisConnection> connection_;
  std::optional<RedisGreeting> greeting_;  // while the connection is being greeted
  RedisGreeting::Digests digests_;
  std::string run_id_;   // of the server of the last connection
  absl::Status broken_;  // why the connection is to be given up, once a reply said so
  std::deque<Pending> queue_;
  std::deque<Pending> sent_;
  int64_t sent_bytes_ = 0;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  std::vector<Pending> inbox_ ABSL_GUARDED_BY(mu_);
  bool is_closing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_start_decided_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_CLIENT_H_
