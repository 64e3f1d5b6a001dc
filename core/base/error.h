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

// An error as every part of rnnserve reports it: a code, a reason for machines (UPPER_SNAKE_CASE,
// a closed set, for example "STATE_SHAPE") and a text for people that holds the offending numbers.
// REQUIRES: code is not OK, reason is not empty.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message);

// Shorthands for the common codes.
absl::Status InvalidArgument(absl::string_view reason, absl::string_view message);
absl::Status NotFound(absl::string_view reason, absl::string_view message);
absl::Status FailedPrecondition(absl::string_view reason, absl::string_view message);

// RESOURCE_EXHAUSTED with the time after which the caller may try again.
absl::Status ResourceExhausted(absl::string_view reason, absl::string_view message,
                               absl::Duration retry_delay);

// The same error with a number that machines may read, for example "expected_index"; one of that
// name that it has is replaced.
absl::Status WithNumber(absl::Status status, absl::string_view name, uint64_t number);

// The reason given to MakeError; empty if there is none.
std::string ErrorReason(const absl::Status& status);

// The delay given to ResourceExhausted; zero if there is none.
absl::Duration RetryDelay(const absl::Status& status);

// The numbers given to WithNumber, in no order.
std::vector<std::pair<std::string, uint64_t>> ErrorNumbers(const absl::Status& status);
// One of them.
std::optional<uint64_t> ErrorNumber(const absl::Status& status, absl::string_view name);

// The same error with `prefix` and ": " before its text; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_ERROR_H_
