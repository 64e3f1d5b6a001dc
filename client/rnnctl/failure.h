// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_FAILURE_H_
#define RNNSERVE_CLIENT_RNNCTL_FAILURE_H_

#include <string>

#include "absl/status/status.h"

// How rnnctl fails: what it prints and the exit code.
namespace rnnserve::client {

// A failure on this side: of the command line or of a file. `place` comes before the text.
absl::Status LocalError(const std::string& place, const absl::Status& status);

// 0 done; 1 the server refused; 2 wrong command line or file; 3 no answer.
int ExitCode(const absl::Status& status);

// One line: "NOT_FOUND (MODEL_NOT_FOUND): no model is named 'x'". As JSON, an object with `code`,
// `reason` and `message`.
std::string FormatFailure(const absl::Status& status, bool is_json);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_FAILURE_H_
