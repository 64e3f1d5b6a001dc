// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_
#define RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {

// A real Redis server for tests, on a socket in a folder of its own and, with Transport::kTcp, also
// on a free port of 127.0.0.1. It writes nothing to disk unless its arguments say so.
//
// Debian's package redis-tools contains the server as `redis-check-rdb`, a program that acts as the
// server when it is called by the server's name. Owns the process and the folder. Used by one
// thread at a time: the test's, whose end also kills the process. The destructor kills the process,
// by its id.
class RedisProcess {
 public:
  enum class Transport { kUnix, kTcp };

  // Starts the server and waits until it answers. NOT_FOUND if the program is not installed;
  // FAILED_PRECONDITION if the server ends and DEADLINE_EXCEEDED if it does not answer in time,
  // both with its log.
  static absl::StatusOr<std::unique_ptr<RedisProcess>> Start(
      const std::vector<std::string>& arguments = {}, Transport transport = Transport::kUnix);

  ~RedisProcess();
  // Neither copied nor moved: it owns a process.
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  // Returns the URL in the form that ParseRedisUrl reads.
  const std::string& url() const { return url_; }
  std::string Log() const;

  // Stops every thread of the process and returns when all have stopped; Resume lets them run
  // again.
  bool Pause();
  void Resume();
  // Kills the process and waits for it to exit.
  void Kill();
  // Starts the server again with the same address, folder and arguments. REQUIRES: it was killed.
  absl::Status Restart();

  // Sends a command on a separate connection and returns the answer as text: a string unchanged, a
  // number in digits, an error with "-" before it, an array with one element per line.
  std::string Command(const std::vector<std::string>& words) const;

 private:
  explicit RedisProcess(const std::vector<std::string>& arguments);
  absl::Status Spawn();
  absl::Status AwaitAnswer();
  std::string LogFile() const;

  const TemporaryFolder folder_;
  const std::vector<std::string> arguments_;
  int port_ = 0;
  std::string url_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_
