// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_SERVER_PROCESS_H_
#define RNNSERVE_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {

// A real `rnnserve` process on ports that the kernel chose, for integration tests.
//
// Owns the process and a temporary folder with its address file and its log. Used by one thread at
// a time: the test's, whose end also kills the process. The destructor stops a process that is
// still running, by its id. Start fails with DEADLINE_EXCEEDED if no addresses appear in time and
// with FAILED_PRECONDITION if the process ends first; both texts contain the log.
//
//   auto server = ServerProcess::Start({"--model", "m=" + path});
//   ASSERT_TRUE(server.ok()) << server.status();
//   auto channel = grpc::CreateChannel((*server)->grpc_address(), ...);
//   EXPECT_EQ((*server)->Stop(), 0);
class ServerProcess {
 public:
  struct Options {
    // The program. Default: `rnnserve` of this build.
    std::string program = DefaultProgram();
    // The longest wait for the addresses, and for the end of a stopped process before SIGKILL.
    absl::Duration timeout = absl::Seconds(30);
  };

  // Starts the program with `--grpc-address 127.0.0.1:0 --metrics-address 127.0.0.1:0`, an address
  // file and `arguments`, and waits until it serves.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& arguments, const Options& options);
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& arguments);

  // Returns the path of the `rnnserve` of this build.
  static std::string DefaultProgram();

  ~ServerProcess();
  // Neither copied nor moved: it owns a process.
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Return "127.0.0.1:port".
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }
  pid_t pid() const { return process_->pid(); }

  // Returns everything that it has written to standard output and standard error so far.
  std::string Log() const;

  // Sends SIGTERM and does not wait.
  void Terminate();

  // Stops every thread of the process, as SIGSTOP does, and returns when all have stopped; Resume
  // lets them run again. Returns false if the process has ended.
  bool Pause();
  void Resume();

  // Waits at most `timeout` for the process to end. Returns its exit code, or 128 plus the
  // number of the signal that killed it, or nullopt if it is still running.
  std::optional<int> Wait(absl::Duration timeout);

  // Terminates the process and returns what Wait returns; sends SIGKILL (so 137) after the timeout
  // of the options.
  int Stop();

 private:
  explicit ServerProcess(const Options& options);
  absl::Status Spawn(const std::vector<std::string>& arguments);
  absl::Status AwaitAddresses();
  bool ReadAddresses();
  std::string AddressFile() const;
  std::string LogFile() const;

  const Options options_;
  const TemporaryFolder folder_;
  std::unique_ptr<ChildProcess> process_;
  std::string grpc_address_;
  std::string metrics_address_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_SERVER_PROCESS_H_
