// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {
namespace {

constexpr size_t kMaxErrorOutput = 64 << 10;

// Starts the program with its standard error going to `error_fd`.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& arguments, int error_fd) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&actions] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
      error != 0) {
    return NotFound("PROGRAM",
                    absl::StrCat("cannot start ", arguments[0], ": ", std::strerror(error)));
  }
  return pid;
}

// Reads until the program closes its standard error. Returns false if the deadline comes first.
bool ReadUntilClosed(int fd, const Clock& clock, absl::Time deadline, std::string& output) {
  char buffer[4096];
  while (true) {
    const absl::Duration left = deadline - clock.Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) continue;
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    const size_t room = kMaxErrorOutput - std::min(output.size(), kMaxErrorOutput);
    output.append(buffer, std::min(static_cast<size_t>(count), room));
  }
}

int WaitForExit(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& arguments,
                                               absl::Duration timeout) {
  const MonotonicClock clock;
  const absl::Time deadline = clock.Now() + timeout;
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return MakeError(absl::StatusCode::kResourceExhausted, "PROGRAM",
                     absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  const absl::Cleanup close_read = [&fds] { close(fds[0]); };
  auto pid = Spawn(arguments, fds[1]);
  close(fds[1]);
  RNNSERVE_RETURN_IF_ERROR(pid.status());
  SubprocessResult result;
  const bool ended = ReadUntilClosed(fds[0], clock, deadline, result.error_output);
  if (!ended) kill(*pid, SIGKILL);
  result.exit_code = WaitForExit(*pid);
  if (!ended) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, "PROGRAM_TIMEOUT",
                     absl::StrCat(arguments[0], " did not end within ",
                                  absl::FormatDuration(timeout), " and was killed"));
  }
  return result;
}

}  // namespace rnnserve::server
