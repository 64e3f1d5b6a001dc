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

namespace rnnserve::testing {

// A real `rnnserve` process on ports that the kernel chose, for integration tests.
//
// Owns the process and a temporary folder with its address file and its log. Used by one thread at
// a time: the test's. The destructor stops a process that still runs, by its id; the process also
// dies with the test. Start fails with DEADLINE_EXCEEDED if no addresses appear in time and
// FAILED_PRECONDITION if the process ends first; both texts carry the log.
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
    // How long the addresses may take to appear, and how long a stop may take before SIGKILL.
    absl::Duration timeout = absl::Seconds(30);
  };

  // Starts the program with `--grpc-address 127.0.0.1:0 --metrics-address 127.0.0.1:0` and an
  // address file, then `arguments`, and waits until it serves.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& arguments, const Options& options);
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& arguments);

  // The `rnnserve` that this build made.
  static std::string DefaultProgram();

  ~ServerProcess();
  // Neither copied nor moved: it owns a process.
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // "127.0.0.1:port".
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }
  pid_t pid() const { return pid_; }

  // Everything it wrote to standard output and standard error so far.
  std::string Log() const;

  // Sends SIGTERM and does not wait.
  void Terminate();

  // Stops every thread of the process as SIGSTOP does, and returns when all stand still; Resume
  // lets them go on. Whether it did.
  bool Pause();
  void Resume();

  // Waits for the end: the exit status, 128 + the signal if one killed it, or nothing if it still
  // runs after `timeout`.
  std::optional<int> Wait(absl::Duration timeout);

  // Terminate and Wait; SIGKILL (so 137) if it takes longer than the timeout of the options.
  int Stop();

 private:
  explicit ServerProcess(const Options& options);
  absl::Status Spawn(const std::vector<std::string>& arguments);
  absl::Status AwaitAddresses();
  bool ReadAddresses();

  const Options options_;
  const std::string folder_;
  pid_t pid_ = -1;
  std::optional<int> exit_status_;
  std::string grpc_address_;
  std::string metrics_address_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_SERVER_PROCESS_H_
