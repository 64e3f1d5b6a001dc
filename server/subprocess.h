// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_SUBPROCESS_H_
#define RNNSERVE_SERVER_SUBPROCESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rnnserve::server {

// The exit code and the error output of a program that has ended.
struct SubprocessResult {
  int exit_code = 0;         // 128 + the signal if one ended it
  std::string error_output;  // the first 64 KiB of its standard error
};

// Runs the program `arguments[0]` with those arguments, without standard input or output, and
// blocks until it exits. Errors: NOT_FOUND (PROGRAM) if it cannot be started;
// DEADLINE_EXCEEDED (PROGRAM_TIMEOUT) if it runs longer than `timeout` (it is then killed);
// RESOURCE_EXHAUSTED (PROGRAM) if there are no file descriptors left.
absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& arguments,
                                               absl::Duration timeout);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_SUBPROCESS_H_
