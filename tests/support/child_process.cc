// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

int OpenForAppending(const char* path) { return open(path, O_WRONLY | O_CREAT | O_APPEND, 0600); }

// Runs in the child between fork and exec, so it calls only async-signal-safe functions.
[[noreturn]] void RunProgram(const char* program, char* const* argv, const char* output_file,
                             const char* error_file, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // If the parent ended before the line above, nothing would kill this process.
  if (getppid() != parent) _exit(127);
  const int in = open("/dev/null", O_RDONLY);
  const int out = OpenForAppending(output_file);
  const int err = OpenForAppending(error_file);
  if (in < 0 || out < 0 || err < 0) _exit(127);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(program, argv);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    std::vector<std::string> arguments, const Options& options) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const char* program = options.program.empty() ? argv[0] : options.program.c_str();
  const char* output_file = options.output_file.c_str();
  const char* error_file = options.error_file.empty() ? output_file : options.error_file.c_str();

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (child == 0) RunProgram(program, argv.data(), output_file, error_file, parent);
  return std::unique_ptr<ChildProcess>(new ChildProcess(child));
}

ChildProcess::~ChildProcess() { Kill(); }

void ChildProcess::Signal(int number) {
  if (!exit_code_.has_value()) kill(pid_, number);
}

bool ChildProcess::Pause() {
  if (exit_code_.has_value() || kill(pid_, SIGSTOP) != 0) return false;
  // The signal stops the threads one after another; waitid returns once the last one has stopped.
  siginfo_t stopped;
  return waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED) == 0;
}

void ChildProcess::Resume() { Signal(SIGCONT); }

std::optional<int> ChildProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!exit_code_.has_value()) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (absl::Now() >= deadline) {
      break;
    } else {
      absl::SleepFor(kPollInterval);
    }
  }
  return exit_code_;
}

int ChildProcess::Kill() {
  Signal(SIGKILL);
  return Wait(absl::InfiniteDuration()).value_or(-1);
}

ProcessOutcome RunShell(const std::string& command) {
  const TemporaryFolder folder;
  ChildProcess::Options options;
  options.output_file = folder.path() / "out";
  options.error_file = folder.path() / "err";
  const auto shell = ChildProcess::Start({"/bin/sh", "-c", command}, options);
  if (!shell.ok()) {
    fprintf(stderr, "%s\n", shell.status().ToString().c_str());
    std::abort();
  }
  const int exit_code = (*shell)->Wait(absl::InfiniteDuration()).value_or(-1);
  return {exit_code, FileContents(options.output_file), FileContents(options.error_file)};
}

std::string FileContents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

}  // namespace rnnserve::testing
