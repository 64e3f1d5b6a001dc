// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_FAILURE_H_
#define RNNSERVE_CLIENT_RNNCTL_FAILURE_H_

#include <string>

#include "absl/status/status.h"

// How rnnctl fails: the text that it prints and its exit code.
namespace rnnserve::client {

// Returns a failure of the command line or of a file, with `place` before the text.
absl::Status LocalError(const std::string& place, const absl::Status& status);

// Returns the exit code: 0 success; 1 the server refused; 2 wrong command line or file; 3 no
// answer.
int ExitCode(const absl::Status& status);

// Formats a failure on one line: "NOT_FOUND (MODEL_NOT_FOUND): no model is named 'x'". As JSON, it
// is an object with `code`, `reason` and `message`.
std::string FormatFailure(const absl::Status& status, bool is_json);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_FAILURE_H_
