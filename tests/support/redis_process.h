// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_
#define RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {

// A real Redis server, for tests: on a socket in a folder of its own or, if it is told so, on a
// free port of 127.0.0.1. It keeps nothing on disk unless its arguments say so.
//
// Debian's package redis-tools has it as `redis-check-rdb`: one program that is the server when it
// is called by that name. Owns the process and the folder. Used by one thread at a time: the
// test's, whose end is the end of the process. The destructor kills the process, by its id.
class RedisProcess {
 public:
  enum class Transport { kUnix, kTcp };

  // Starts it and waits until it answers. Errors: NOT_FOUND if there is no such program;
  // DEADLINE_EXCEEDED if it does not answer in time, with its log.
  static absl::StatusOr<std::unique_ptr<RedisProcess>> Start(
      const std::vector<std::string>& arguments = {}, Transport transport = Transport::kUnix);

  ~RedisProcess();
  // Neither copied nor moved: it owns a process.
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  // As ParseRedisUrl reads it.
  const std::string& url() const { return url_; }
  std::string Log() const;

  // Stops every thread of the process, and returns when all stand still; Resume lets them go on.
  bool Pause();
  void Resume();
  // Ends the process at once and waits for its end.
  void Kill();
  // Starts it again where it was, with the same arguments. REQUIRES: it was killed.
  absl::Status Restart();

  // Sends a command on a connection of its own and returns the answer as text: a string as it is, a
  // number in digits, an error with "-" before it, an array with its elements a line each.
  std::string Command(const std::vector<std::string>& words) const;

 private:
  explicit RedisProcess(const std::vector<std::string>& arguments);
  absl::Status Spawn();
  absl::Status AwaitAnswer();

  const TemporaryFolder folder_;
  const std::vector<std::string> arguments_;
  int port_ = 0;
  std::string url_;
  pid_t pid_ = -1;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_REDIS_PROCESS_H_
