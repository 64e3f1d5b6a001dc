// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_ERROR_H_
#define RNNSERVE_CORE_BASE_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rnnserve {

// Returns an error in the form that every part of rnnserve uses: a code, a reason for programs
// (UPPER_SNAKE_CASE, from a closed set, for example "STATE_SHAPE") and a human-readable text with
// the offending numbers. REQUIRES: code is not OK, reason is not empty.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message);

// Shorthands for the common codes.
absl::Status InvalidArgument(absl::string_view reason, absl::string_view message);
absl::Status NotFound(absl::string_view reason, absl::string_view message);
absl::Status FailedPrecondition(absl::string_view reason, absl::string_view message);

// Returns RESOURCE_EXHAUSTED with the time after which the caller may retry.
absl::Status ResourceExhausted(absl::string_view reason, absl::string_view message,
                               absl::Duration retry_delay);

// Returns the same error with a named number attached, for programs to read, for example
// "expected_index". Replaces an existing number of that name.
absl::Status WithNumber(absl::Status status, absl::string_view name, uint64_t number);

// Returns the reason given to MakeError, or an empty string if there is none.
std::string ErrorReason(const absl::Status& status);

// Returns the delay given to ResourceExhausted, or zero if there is none.
absl::Duration RetryDelay(const absl::Status& status);

// Returns the numbers given to WithNumber, in no particular order.
std::vector<std::pair<std::string, uint64_t>> ErrorNumbers(const absl::Status& status);
// Returns the number of that name, or nullopt if the error has none.
std::optional<uint64_t> ErrorNumber(const absl::Status& status, absl::string_view name);

// Returns the same error with `prefix` and ": " in front of its text. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_ERROR_H_
