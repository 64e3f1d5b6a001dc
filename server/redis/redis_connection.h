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

// One socket to a Redis server. Commands go out in the order of Append, and replies come in that
// order. It never waits: its owner polls the socket, calls Send when the socket is writable and
// Receive when it is readable.
//
// Owns the socket and the unsent commands. Used by one thread at a time: its owner's. After an
// error it must not be used again.
class RedisConnection {
 public:
  // Begins to connect. A failure to connect may show only in Send. Only resolving a host name
  // blocks; an IP address needs no resolving. Errors: UNAVAILABLE (STORE_DOWN).
  static absl::StatusOr<std::unique_ptr<RedisConnection>> Connect(const RedisAddress& address);

  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Appends a command to the queue of unsent commands.
  void Append(absl::Span<const absl::string_view> words);

  // Sends as much as the socket accepts. Errors: UNAVAILABLE (STORE_DOWN).
  absl::Status Send();
  // Receives the available bytes and passes each reply to `on_reply`, which must not destroy this
  // object. Errors: UNAVAILABLE (STORE_DOWN) if the connection has ended or the bytes are not a
  // valid reply.
  absl::Status Receive(absl::FunctionRef<void(RedisReply)> on_reply);

  int fd() const { return context_->fd; }
  // Returns whether Send has anything to do once the socket is writable.
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
  // Removes `num_bytes` from the front of unsent_.
  void DropSent(size_t num_bytes);

  // hiredis makes the socket and parses replies. Its own sending raises SIGPIPE and copies all
  // unsent bytes at every call, so this class sends the commands itself.
  const Context context_;
  bool is_connecting_ = true;
  std::deque<Command> unsent_;
  size_t num_sent_of_first_ = 0;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_CONNECTION_H_
