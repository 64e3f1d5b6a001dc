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

// A client of one Redis server that reconnects by itself: one thread and one connection, through
// which the commands of all callers go as one pipeline.
//
// A command waits for its answer at most `breaker.max_silence` after the last byte received. Then
// all commands in flight fail, and every further command fails at once until a new connection has
// been greeted. A command that was sent is never sent again, except a script that the server did
// not know. The client reconnects at the pace of the breaker.
//
// Owns the thread and the connection. Thread-safe. No call blocks, except AwaitGreeting. Each
// callback runs once, on the thread, under no lock. The destructor answers every unanswered command
// with CANCELLED (STORE_CLOSED).
class RedisClient {
 public:
  struct Options {
    RedisAddress address;
    // Its max_silence bounds the wait for an answer, and also the time to connect and be greeted.
    CircuitBreaker::Options breaker;
    // The limit on the bytes of all unanswered commands. A command that would exceed it is refused.
    int64_t max_waiting_bytes = int64_t{256} << 20;
    // The limit on the bytes of the commands that were sent and not answered yet. The default keeps
    // a fast network busy; a higher limit only copies more commands into the connection.
    int64_t max_pipeline_bytes = int64_t{4} << 20;
  };

  using ReplyCallback = absl::AnyInvocable<void(absl::StatusOr<RedisReply>)>;

  struct Command {
    // Without a script, `words` is the command; with one, it is the script's key and arguments.
    std::optional<RedisScript> script;
    std::vector<std::string> words;
    // Gets a reply that is not an error, or else UNAVAILABLE (STORE_DOWN), RESOURCE_EXHAUSTED
    // (STORE_QUEUE_LIMIT), CANCELLED (STORE_CLOSED) or an error of RedisReplyError.
    ReplyCallback callback;
  };

  // The clock must outlive it.
  RedisClient(const Clock& clock, Options options);
  // REQUIRES: the calling thread is not the client's own.
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  // Queues a command. Its callback gets the outcome.
  void Call(Command command);

  // Blocks until the server has been greeted for the first time. Errors: the FAILED_PRECONDITION
  // errors of RedisGreeting, without waiting any longer, because waiting does not help; UNAVAILABLE
  // (STORE_DOWN) after `timeout`, with the cause of the last failure.
  absl::Status AwaitGreeting(absl::Duration timeout) const;

  // Returns OK while the server can be used, else the reason why not.
  absl::Status health() const;

  // Returns the number of server processes that this client has talked to. A restarted server
  // counts again.
  uint64_t num_servers() const { return num_servers_.load(std::memory_order_relaxed); }

 private:
  struct Pending {
    Command command;
    int64_t bytes = 0;
    bool is_refused = false;
    bool needs_text = false;  // the server does not know the digest of the script
  };

  void Run();
  // Moves new commands of callers into queue_. Returns false when the destructor has been called.
  bool TakeInbox();
  bool IsInboxEmpty() const;
  // Does what is due at this time: gives up on a silent server, connects, fails commands or sends
  // them.
  void Progress(absl::Time now);
  void WaitForEvents(absl::Time now);
  void Wake();

  void Connect(absl::Time now);
  void FillPipeline(absl::Time now);
  void Send(Pending pending, absl::Time now);
  void HandleSocket(short events);
  void HandleReply(RedisReply reply);
  void HandleGreeting(const redisReply& reply);

  // Drops the connection. The commands that were sent fail, and if the breaker opens, so do the
  // rest.
  void Lose(const absl::Status& cause, absl::Time now);
  void FailAll(std::deque<Pending>& pending, const absl::Status& status);
  void Finish(Pending pending, absl::StatusOr<RedisReply> outcome);
  void SetHealth(const absl::Status& health);

  // Constant after construction.
  const Clock& clock_;
  const Options options_;
  const int wake_fd_;

  // Atomic, so it needs no lock.
  std::atomic<int64_t> waiting_bytes_{0};
  std::atomic<uint64_t> num_servers_{0};

  // Used only by the thread.
  CircuitBreaker breaker_;
  std::unique_ptr<RedisConnection> connection_;
  std::optional<RedisGreeting> greeting_;  // while the connection is being greeted
  RedisGreeting::Digests digests_;
  std::string run_id_;   // identifies the server process of the last connection
  absl::Status broken_;  // the reason to drop the connection, once a reply has given one
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
