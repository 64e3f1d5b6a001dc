// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/redis_process.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace rnnserve::testing {
namespace {

constexpr char kProgram[] = "/usr/bin/redis-check-rdb";
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kStartTimeout = absl::Seconds(30);
// If another process takes the free port first, another port is tried.
constexpr int kNumPortTries = 5;

// Returns a port that nobody is listening on at the moment, because Redis cannot let the kernel
// choose one.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool is_bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  return is_bound ? ntohs(address.sin_port) : 0;
}

std::string TextOf(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      return absl::StrCat(reply.integer);
    case REDIS_REPLY_ERROR:
      return absl::StrCat("-", absl::string_view(reply.str, reply.len));
    case REDIS_REPLY_ARRAY: {
      std::string lines;
      for (size_t i = 0; i < reply.elements; ++i) {
        absl::StrAppend(&lines, TextOf(*reply.element[i]), "\n");
      }
      return lines;
    }
    case REDIS_REPLY_NIL:
      return "";
    default:
      return std::string(reply.str, reply.len);
  }
}

}  // namespace

RedisProcess::RedisProcess(const std::vector<std::string>& arguments) : arguments_(arguments) {}

RedisProcess::~RedisProcess() = default;

absl::StatusOr<std::unique_ptr<RedisProcess>> RedisProcess::Start(
    const std::vector<std::string>& arguments, Transport transport) {
  if (!std::filesystem::exists(kProgram)) {
    return absl::NotFoundError("the package redis-tools is not installed");
  }
  std::unique_ptr<RedisProcess> redis(new RedisProcess(arguments));
  absl::Status status;
  for (int i = 0; i < kNumPortTries; ++i) {
    redis->port_ = transport == Transport::kTcp ? FreePort() : 0;
    redis->url_ = transport == Transport::kTcp
                      ? absl::StrCat("redis://127.0.0.1:", redis->port_)
                      : absl::StrCat("unix://", redis->folder_.path().string(), "/redis");
    status = redis->Spawn();
    if (status.ok()) status = redis->AwaitAnswer();
    if (status.ok()) return redis;
    redis->Kill();
  }
  return status;
}

absl::Status RedisProcess::Spawn() {
  const std::string folder = folder_.path().string();
  std::vector<std::string> command = {"redis-server",
                                      "--port",
                                      absl::StrCat(port_),
                                      "--bind",
                                      "127.0.0.1",
                                      "--unixsocket",
                                      folder + "/redis",
                                      "--dir",
                                      folder,
                                      "--save",
                                      "",
                                      "--daemonize",
                                      "no"};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  ChildProcess::Options options;
  options.program = kProgram;
  options.output_file = LogFile();
  absl::StatusOr<std::unique_ptr<ChildProcess>> process =
      ChildProcess::Start(std::move(command), options);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  return absl::OkStatus();
}

absl::Status RedisProcess::AwaitAnswer() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (true) {
    const std::string answer = Command({"PING"});
    if (answer == "PONG" || absl::StartsWith(answer, "-NOAUTH")) return absl::OkStatus();
    if (process_->Wait(kPollInterval).has_value()) {
      return absl::FailedPreconditionError(absl::StrCat("redis-server ended:\n", Log()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("redis-server does not answer:\n", Log()));
    }
  }
}

absl::Status RedisProcess::Restart() {
  const absl::Status status = Spawn();
  return status.ok() ? AwaitAnswer() : status;
}

std::string RedisProcess::LogFile() const { return folder_.path() / "log"; }

std::string RedisProcess::Log() const { return FileContents(LogFile()); }

bool RedisProcess::Pause() { return process_->Pause(); }

void RedisProcess::Resume() { process_->Resume(); }

void RedisProcess::Kill() {
  if (process_ != nullptr) process_->Kill();
}

std::string RedisProcess::Command(const std::vector<std::string>& words) const {
  const std::string socket_path = (folder_.path() / "redis").string();
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
      redisConnectUnix(socket_path.c_str()), redisFree);
  if (context == nullptr || context->err != 0) return "-no connection";
  std::vector<const char*> pointers(words.size());
  std::vector<size_t> sizes(words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    pointers[i] = words[i].data();
    sizes[i] = words[i].size();
  }
  auto* reply = static_cast<redisReply*>(redisCommandArgv(
      context.get(), static_cast<int>(words.size()), pointers.data(), sizes.data()));
  if (reply == nullptr) return "-no answer";
  std::string text = TextOf(*reply);
  freeReplyObject(reply);
  return text;
}

}  // namespace rnnserve::testing
