// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {
namespace {

// The most commands that one system call sends. A few are enough to fill a socket's buffer.
constexpr size_t kNumVectors = 64;
constexpr size_t kReceiveBytes = 64 << 10;
// The most reads in one call of Receive, so that the owner gets to do other things in between.
constexpr int kNumReceives = 16;

absl::Status SocketError(absl::string_view what, int error) {
  return StoreDown(absl::StrCat(what, ": ", strerror(error)));
}

bool IsWouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

absl::StatusOr<std::unique_ptr<RedisConnection>> RedisConnection::Connect(
    const RedisAddress& address) {
  Context context(address.host.empty() ? redisConnectUnixNonBlock(address.unix_path.c_str())
                                       : redisConnectNonBlock(address.host.c_str(), address.port));
  if (context == nullptr) return StoreDown("not enough memory for a connection to the store");
  if (context->err != 0) {
    return StoreDown(absl::StrCat("cannot connect to the store: ", context->errstr));
  }
  // Programs that the server starts must not inherit the socket.
  fcntl(context->fd, F_SETFD, FD_CLOEXEC);
  return std::unique_ptr<RedisConnection>(new RedisConnection(std::move(context)));
}

void RedisConnection::Append(absl::Span<const absl::string_view> words) {
  std::vector<const char*> pointers;
  std::vector<size_t> sizes;
  for (const absl::string_view word : words) {
    pointers.push_back(word.data() == nullptr ? "" : word.data());
    sizes.push_back(word.size());
  }
  char* bytes = nullptr;
  const int size =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), pointers.data(), sizes.data());
  // Like operator new, it fails only when memory runs out.
  if (size < 0) std::abort();
  unsent_.push_back({std::unique_ptr<char, CommandDeleter>(bytes), static_cast<size_t>(size)});
}

absl::Status RedisConnection::CheckConnected() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return SocketError("cannot connect to the store", error);
  is_connecting_ = false;
  return absl::OkStatus();
}

absl::Status RedisConnection::Send() {
  if (is_connecting_) RNNSERVE_RETURN_IF_ERROR(CheckConnected());
  while (!unsent_.empty()) {
    std::array<iovec, kNumVectors> vectors;
    const size_t num_vectors = std::min(unsent_.size(), kNumVectors);
    for (size_t i = 0; i < num_vectors; ++i) {
      const size_t skipped = i == 0 ? num_sent_of_first_ : 0;
      vectors[i] = {unsent_[i].bytes.get() + skipped, unsent_[i].size - skipped};
    }
    msghdr message = {};
    message.msg_iov = vectors.data();
    message.msg_iovlen = num_vectors;
    const ssize_t sent = sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (IsWouldBlock(errno)) return absl::OkStatus();
      return SocketError("the connection to the store broke", errno);
    }
    DropSent(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

void RedisConnection::DropSent(size_t num_bytes) {
  num_sent_of_first_ += num_bytes;
  while (!unsent_.empty() && num_sent_of_first_ >= unsent_.front().size) {
    num_sent_of_first_ -= unsent_.front().size;
    unsent_.pop_front();
  }
}

absl::Status RedisConnection::Receive(absl::FunctionRef<void(RedisReply)> on_reply) {
  std::array<char, kReceiveBytes> buffer;
  for (int i = 0; i < kNumReceives; ++i) {
    const ssize_t received = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received == 0) return StoreDown("the store closed the connection");
    if (received < 0) {
      if (IsWouldBlock(errno)) return absl::OkStatus();
      return SocketError("the connection to the store broke", errno);
    }
    redisReaderFeed(context_->reader, buffer.data(), static_cast<size_t>(received));
    void* reply = nullptr;
    while (redisReaderGetReply(context_->reader, &reply) == REDIS_OK && reply != nullptr) {
      on_reply(RedisReply(static_cast<redisReply*>(reply)));
      reply = nullptr;
    }
    if (context_->reader->err != 0) return StoreDown("the store does not speak the Redis protocol");
  }
  return absl::OkStatus();
}

}  // namespace rnnserve::server
