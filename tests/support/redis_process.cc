// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/redis_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace rnnserve::testing {
namespace {

constexpr char kProgram[] = "/usr/bin/redis-check-rdb";
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kStartTimeout = absl::Seconds(30);
// Another process may take the port that was free; then another one is tried.
constexpr int kNumPortTries = 5;

// A port that nobody listens on at this moment: Redis cannot let the kernel choose.
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

// Runs in the child between fork and exec, so it calls nothing but async-signal-safe functions.
[[noreturn]] void RunProgram(char* const* argv, const char* log_path, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0) _exit(127);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(kProgram, argv);
  _exit(127);
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

RedisProcess::~RedisProcess() { Kill(); }

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
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log_path = folder + "/log";

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (child == 0) RunProgram(argv.data(), log_path.c_str(), parent);
  pid_ = child;
  return absl::OkStatus();
}

absl::Status RedisProcess::AwaitAnswer() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (true) {
    const std::string answer = Command({"PING"});
    if (answer == "PONG" || absl::StartsWith(answer, "-NOAUTH")) return absl::OkStatus();
    int ignored = 0;
    if (waitpid(pid_, &ignored, WNOHANG) == pid_) {
      pid_ = -1;
      return absl::FailedPreconditionError(absl::StrCat("redis-server ended:\n", Log()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("redis-server does not answer:\n", Log()));
    }
    absl::SleepFor(kPollInterval);
  }
}

absl::Status RedisProcess::Restart() {
  const absl::Status status = Spawn();
  return status.ok() ? AwaitAnswer() : status;
}

std::string RedisProcess::Log() const {
  std::ifstream file(folder_.path() / "log", std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

bool RedisProcess::Pause() {
  if (pid_ <= 0 || kill(pid_, SIGSTOP) != 0) return false;
  // The signal stops one thread first; the parent hears of it when the last has stopped.
  siginfo_t stopped;
  return waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED) == 0;
}

void RedisProcess::Resume() {
  if (pid_ > 0) kill(pid_, SIGCONT);
}

void RedisProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  int ignored = 0;
  waitpid(pid_, &ignored, 0);
  pid_ = -1;
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
