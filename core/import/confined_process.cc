// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/confined_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

// Sanitizers reserve terabytes of address space.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

absl::Status OutOfMemory(const ProcessLimits& limits) {
  return MakeError(absl::StatusCode::kResourceExhausted, "MODEL_TOO_LARGE",
                   absl::StrCat("more than ", limits.memory_bytes, " bytes of memory are needed"));
}

absl::Status NoProcess() {
  return MakeError(absl::StatusCode::kResourceExhausted, "PROCESS",
                   absl::StrCat("cannot start a process: ", std::strerror(errno)));
}

void Confine(const ProcessLimits& limits) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The soft limit sends SIGXCPU, which nothing here catches.
  const rlimit cpu{limits.cpu_s, limits.cpu_s + 1};
  setrlimit(RLIMIT_CPU, &cpu);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const rlimit memory{limits.memory_bytes, limits.memory_bytes};
  if (kLimitsMemory) setrlimit(RLIMIT_AS, &memory);
}

// Returns the message that is sent through the pipe: "<code>\n<reason>\n<text>".
std::string Encode(const absl::StatusOr<std::string>& result) {
  const absl::Status& status = result.status();
  return absl::StrCat(static_cast<int>(status.code()), "\n", ErrorReason(status), "\n",
                      status.ok() ? *result : std::string(status.message()));
}

absl::StatusOr<std::string> Decode(const std::string& message) {
  const std::vector<std::string> parts = absl::StrSplit(message, absl::MaxSplits('\n', 2));
  int code = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &code)) {
    return InvalidArgument("MODEL_FORMAT", "the reader of the file ended without a result");
  }
  if (code == 0) return parts[2];
  return MakeError(static_cast<absl::StatusCode>(code), parts[1], parts[2]);
}

[[noreturn]] void RunChild(const ProcessLimits& limits, int fd,
                           const std::function<absl::StatusOr<std::string>()>& work) {
  Confine(limits);
  absl::StatusOr<std::string> result;
  try {
    result = work();
  } catch (const std::bad_alloc&) {
    result = OutOfMemory(limits);
  }
  const std::string message = Encode(result);
  size_t written = 0;
  while (written < message.size()) {
    const ssize_t n = write(fd, message.data() + written, message.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += static_cast<size_t>(n);
  }
  // Skip destructors and buffered output. They belong to the parent, which takes care of them
  // itself.
  _exit(0);
}

std::string ReadAll(int fd) {
  std::string message;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return message;
    message.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status SignalError(int signal, const ProcessLimits& limits) {
  if (signal == SIGXCPU || signal == SIGKILL) {
    return MakeError(absl::StatusCode::kResourceExhausted, "MODEL_TOO_LARGE",
                     absl::StrCat("more than ", limits.cpu_s,
                                  " s of computing time are needed, or the system killed the "
                                  "reader of the file"));
  }
  return InvalidArgument("MODEL_FORMAT",
                         absl::StrCat("the reader of the file crashed (signal ", signal, ", ",
                                      strsignal(signal), "): the file is damaged"));
}

}  // namespace

absl::StatusOr<std::string> RunConfined(const ProcessLimits& limits,
                                        const std::function<absl::StatusOr<std::string>()>& work) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return NoProcess();
  const pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    RunChild(limits, fds[1], work);
  }
  close(fds[1]);
  if (pid < 0) {
    close(fds[0]);
    return NoProcess();
  }
  const std::string message = ReadAll(fds[0]);
  close(fds[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return SignalError(WTERMSIG(status), limits);
  return Decode(message);
}

}  // namespace rnnserve
