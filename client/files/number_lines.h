// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_
#define RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

// One number a line, as doubles: times would lose their microseconds as the floats of a sequence.
// Empty lines and what follows a '#' are skipped. INVALID_ARGUMENT, with the line, if it is not a
// finite number, and if there is none at all.
absl::StatusOr<std::vector<double>> ParseNumberLines(absl::string_view text);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_NUMBER_LINES_H_
