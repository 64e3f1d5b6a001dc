// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_CONNECTION_H_
#define RNNSERVE_SERVER_REDIS_REDIS_CONNECTION_H_

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/redis/redis_address.h"
#include "server/redis/redis_reply.h"

namespace rnnserve::server {

// One socket to a Redis server: commands go out in the order of Append, replies come in that order.
// It never waits: its owner polls the socket, and calls Send when it is writable and Receive when
// it is readable.
//
// Owns the socket, and commands that are not sent. Used by one thread at a time: its owner's. After
// an error it is of no more use.
class RedisConnection {
 public:
  // Begins to connect; that it failed may only show in Send. Resolving the name of a host, if it is
  // not an address, is the one thing that blocks. Errors: UNAVAILABLE (STORE_DOWN).
  static absl::StatusOr<std::unique_ptr<RedisConnection>> Connect(const RedisAddress& address);

  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Puts a command at the end of what is to be sent.
  void Append(absl::Span<const absl::string_view> words);

  // Sends what the socket takes. Errors: UNAVAILABLE (STORE_DOWN).
  absl::Status Send();
  // Receives what is there and gives each reply to `on_reply`, which must not destroy this.
  // Errors: UNAVAILABLE (STORE_DOWN): the connection has ended, or what came was no reply.
  absl::Status Receive(absl::FunctionRef<void(RedisReply)> on_reply);

  int fd() const { return context_->fd; }
  // Whether Send has anything to do once the socket is writable.
  bool wants_to_send() const { return is_connecting_ || !unsent_.empty(); }

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  struct CommandDeleter {
    void operator()(char* command) const { redisFreeCommand(command); }
  };
  struct Command {
    std::unique_ptr<char, CommandDeleter> bytes;
    size_t size = 0;
  };
  using Context = std::unique_ptr<redisContext, ContextDeleter>;

  explicit RedisConnection(Context context) : context_(std::move(context)) {}

  absl::Status CheckConnected();
  // Takes so many bytes off the head of unsent_.
  void DropSent(size_t num_bytes);

  // hiredis makes the socket and reads replies. Its way of sending raises SIGPIPE, and copies all
  // that is not sent at every call, so commands go out here.
  const Context context_;
  bool is_connecting_ = true;
  std::deque<Command> unsent_;
  size_t num_sent_of_first_ = 0;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_CONNECTION_H_
