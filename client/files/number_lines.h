// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_
#define RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

// Reads one number per line. The numbers are doubles, because a float cannot hold a time to the
// microsecond. Skips empty lines and everything after a '#'. INVALID_ARGUMENT, with the line, if a
// line is not a finite number, and if there is no number at all.
absl::StatusOr<std::vector<double>> ParseNumberLines(absl::string_view text);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_
