// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_CHILD_PROCESS_H_
#define RNNSERVE_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rnnserve::testing {

// A program that a test runs in the background, with its output in files and no standard input.
//
// Owns the process. Used by one thread at a time: the test's main thread, because the kernel kills
// the process when the thread that started it ends. The destructor kills a process that is still
// running, by its id.
//
//   ChildProcess::Options options;
//   options.output_file = folder + "/log";
//   const auto child = ChildProcess::Start({"/bin/sleep", "60"}, options);
//   ASSERT_TRUE(child.ok()) << child.status();
//   (*child)->Signal(SIGTERM);
//   EXPECT_EQ((*child)->Wait(absl::Seconds(1)), 128 + SIGTERM);
class ChildProcess {
 public:
  struct Options {
    // The file to execute; PATH is not searched. Default: `arguments[0]`.
    std::string program;
    // The file that standard output is appended to. By default, the output is thrown away.
    std::string output_file = "/dev/null";
    // The file that standard error is appended to. Default: `output_file`.
    std::string error_file;
  };

  // Starts the program. The program sees `arguments[0]` as its own name.
  // INTERNAL if the operating system cannot start a process. A program that cannot be executed ends
  // with exit code 127.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(std::vector<std::string> arguments,
                                                             const Options& options);

  ~ChildProcess();
  // Neither copied nor moved: it owns a process.
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Sends a signal and does not wait. Does nothing once Wait has seen the process end.
  void Signal(int number);

  // Stops every thread of the process, as SIGSTOP does, and returns when all have stopped. Returns
  // false if the process has ended.
  bool Pause();
  // Lets a paused process run again.
  void Resume();

  // Waits at most `timeout` for the end of the process. Returns its exit code, or 128 plus the
  // number of the signal that killed it, or nullopt if it is still running.
  std::optional<int> Wait(absl::Duration timeout);

  // Kills the process, waits for it to exit and returns what Wait returns.
  int Kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<int> exit_code_;
};

// How a program ended, and what it wrote.
struct ProcessOutcome {
  int exit_code = -1;  // 128 plus the number of the signal that killed it
  std::string out;
  std::string err;
};

// Runs a shell command without standard input and waits for it to exit. Aborts the test program if
// the operating system cannot start a process.
ProcessOutcome RunShell(const std::string& command);

// Returns the whole contents of a file; empty if it cannot be read.
std::string FileContents(const std::string& path);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_CHILD_PROCESS_H_
